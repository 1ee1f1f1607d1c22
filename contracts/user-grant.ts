import * as z from 'zod';
import { environmentSchema, forwardSchema, portSchema } from './app-manifest.ts';
import { reachFault } from './app-reach.ts';

/** `/data/users/.grants/<user>.json`: what a user without an installed app is given. The file is root's. */
export const userGrantSchema = z
  .strictObject({
    /** Kinds of device nodes, or paths below /dev. */
    devices: z.array(z.string()).default([]),
    network: z.enum(['host', 'none']).default('host'),
    memoryMiB: z.number().int().min(16).max(65536).default(128),
    /** Without it the device's default share. */
    diskMiB: z.number().int().min(1).max(2_097_152).optional(),
    env: environmentSchema.default({}),
    /** TCP ports it listens on; the first is given as PORT and is probed. */
    ports: z.array(portSchema).max(16).default([]),
    /** The device's proxy leads to the first port. */
    web: z.boolean().default(false),
    forward: forwardSchema.default({}),
  })
  .superRefine((grant, context) => {
    const message = reachFault(grant);
    if (message) context.addIssue({ code: 'custom', message });
  });
export type UserGrant = z.infer<typeof userGrantSchema>;
