import * as z from 'zod';

/** What a caller may do; each route asks for one of them. */
export const SCOPES = [
  'read',
  'publish',
  'console',
  'develop',
  'deploy',
  'devices',
  'provision',
  'people',
  'audit',
  'webhooks',
  'metrics',
  'server',
] as const;
export const scopeSchema = z.enum(SCOPES);
export type Scope = z.infer<typeof scopeSchema>;

export const ROLES = ['admin', 'operator', 'developer', 'viewer'] as const;
export const roleSchema = z.enum(ROLES);
export type Role = z.infer<typeof roleSchema>;

/** `server` belongs to no role: only the operator token and server-wide administrators have it. */
export const ROLE_SCOPES: Readonly<Record<Role, readonly Scope[]>> = {
  // All but `server`.
  admin: SCOPES.filter((scope) => scope !== 'server'),
  operator: ['read', 'console', 'deploy', 'devices', 'provision', 'metrics'],
  developer: ['read', 'publish', 'console', 'develop'],
  viewer: ['read'],
};

/** Names the fleet that a request is about, where the caller has more than one. */
export const FLEET_HEADER = 'nodeos-fleet';

export const fleetIdSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'is not a fleet name: lower-case letters, digits, dashes, at most 32, letter first');
export const userNameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._@+-]{0,63}$/, 'is not a user name: lower-case letters, digits and . _ @ + -, at most 64');
export const passwordSchema = z.string().min(10, 'is shorter than 10 characters').max(256);

export const fleetRequestSchema = z.strictObject({ id: fleetIdSchema, name: z.string().min(1).max(64) });
export const fleetSchema = z.object({ id: z.string(), name: z.string(), createdAt: z.number().int() });
export type FleetInfo = z.infer<typeof fleetSchema>;

/** Who the server takes the caller for. */
export const identitySchema = z.object({
  kind: z.enum(['operator-token', 'user', 'api-token']),
  name: z.string(),
  fleet: z.string(),
  role: roleSchema,
  scopes: z.array(scopeSchema),
  /** All fleets that the caller may name. */
  fleets: z.array(z.object({ id: z.string(), name: z.string(), role: roleSchema })),
});
export type Identity = z.infer<typeof identitySchema>;

export const sessionRequestSchema = z.union([
  z.strictObject({ token: z.string().min(1).max(256) }),
  z.strictObject({ name: z.string().min(1).max(64), password: z.string().min(1).max(256) }),
]);
export const sessionStateSchema = z.object({
  signedIn: z.boolean(),
  /** False while there are no users: the operator token is the way in. */
  passwords: z.boolean(),
});
export const sessionFleetSchema = z.strictObject({ fleet: fleetIdSchema });
export const sessionSchema = z.object({
  id: z.string(),
  createdAt: z.number().int(),
  expiresAt: z.number().int(),
  address: z.string(),
  current: z.boolean(),
});
export type SessionInfo = z.infer<typeof sessionSchema>;
export const passwordChangeSchema = z.strictObject({ current: z.string().min(1).max(256), next: passwordSchema });

export const userRequestSchema = z.strictObject({
  name: userNameSchema,
  password: passwordSchema,
  role: roleSchema,
  /** Administrator of the server and so of every fleet; only such a one may make another. */
  server: z.boolean().default(false),
});
export type UserRequest = z.input<typeof userRequestSchema>;
export const userSchema = z.object({
  name: z.string(),
  role: roleSchema,
  server: z.boolean(),
  createdAt: z.number().int(),
});
export type User = z.infer<typeof userSchema>;
export const userRoleSchema = z.strictObject({ role: roleSchema });
export const userPasswordSchema = z.strictObject({ password: passwordSchema });

export const apiTokenRequestSchema = z.strictObject({
  name: z.string().min(1).max(64),
  scopes: z.array(scopeSchema).min(1).max(SCOPES.length),
  /** Milliseconds since 1970; null for a token without end. */
  expiresAt: z.number().int().nullable(),
});
export type ApiTokenRequest = z.infer<typeof apiTokenRequestSchema>;
export const apiTokenSchema = z.object({
  id: z.string(),
  name: z.string(),
  /** Null for one that was made with the operator token. */
  user: z.string().nullable(),
  scopes: z.array(scopeSchema),
  createdAt: z.number().int(),
  expiresAt: z.number().int().nullable(),
  lastUsed: z.number().int().nullable(),
});
export type ApiToken = z.infer<typeof apiTokenSchema>;
/** The secret is shown once; the server keeps its hash only. */
export const newApiTokenSchema = apiTokenSchema.extend({ token: z.string() });
export type NewApiToken = z.infer<typeof newApiTokenSchema>;
