import * as z from 'zod';
import { boardNameSchema } from './validate.ts';

/** What a device must fulfil, all of it, for a token that approves to approve it; others wait for a person. */
export const approveOnlySchema = z.strictObject({
  /** Empty for any board. */
  boards: z.array(boardNameSchema).max(64).default([]),
  /** Networks in CIDR notation, IPv4 or IPv6, from which it must come; empty for any. */
  networks: z
    .array(z.union([z.cidrv4(), z.cidrv6()]))
    .max(64)
    .default([]),
  /** Its serial number must have been registered, and not be taken by another device. */
  registered: z.boolean().default(false),
});

export const serialSchema = z
  .string()
  .regex(/^[\x21-\x7e]{1,64}$/, 'is not a serial number: 1 to 64 visible ASCII characters');
export const registrationSchema = z.object({
  serial: serialSchema,
  tags: z.array(z.string().min(1).max(64)).max(32),
  /** The device needs no approval by hand; it still needs a claim token. */
  approve: z.boolean(),
  createdAt: z.number().int(),
  /** Id of the device that came with this serial number, null before. */
  device: z.string().nullable(),
});
export type Registration = z.infer<typeof registrationSchema>;
export const registrationsAnswerSchema = z.object({ added: z.number().int(), changed: z.number().int() });

export const replaceRequestSchema = z.strictObject({ old: z.string().max(64) });
