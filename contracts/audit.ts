import * as z from 'zod';

export const auditEntrySchema = z.object({
  /** 1, 2, 3 … within the fleet. */
  sequence: z.number().int().positive(),
  at: z.number().int(),
  /** A user, a token, `operator token`, `device <id>`, `server`. */
  actor: z.string(),
  /** IP address, empty for the server itself. */
  address: z.string(),
  /** For requests the method and route below /api/v1. */
  action: z.string(),
  /** What it was about, e.g. the path with its ids. */
  target: z.string(),
  /** `accepted` is written before the work begins, `failed` and `refused` after it. */
  outcome: z.enum(['accepted', 'refused', 'failed']),
  /** The request's body without its secrets, or the reason of a failure. */
  details: z.string(),
  /** SHA-256, hex, of the entry before; 64 zeros for the first. */
  previous: z.string().regex(/^[0-9a-f]{64}$/),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
export type UnchainedEntry = Omit<AuditEntry, 'hash'>;

export const auditPageSchema = z.object({
  /** Newest first. */
  entries: z.array(auditEntrySchema),
  /** Sequence and hash of the newest entry: whoever keeps them elsewhere sees a log that was cut short. */
  head: z.object({ sequence: z.number().int(), hash: z.string() }),
});
export type AuditPage = z.infer<typeof auditPageSchema>;

export const AUDIT_START = { sequence: 0, hash: '0'.repeat(64) } as const;
