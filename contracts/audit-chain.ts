import { createHash } from 'node:crypto';
import type { AuditEntry, UnchainedEntry } from './audit.ts';

/** SHA-256 over a list of the fields in a fixed order, as JSON. */
export function auditHash(entry: UnchainedEntry): string {
  const { sequence, at, actor, address, action, target, outcome, details, previous } = entry;
  const text = JSON.stringify([sequence, at, actor, address, action, target, outcome, details, previous]);
  return createHash('sha256').update(text).digest('hex');
}

/**
 * Checks entries, oldest first, that follow `from`.
 * @returns the sentence that names the first fault, null where there is none
 */
export function auditFault(entries: readonly AuditEntry[], from: { sequence: number; hash: string }): string | null {
  let { sequence, hash } = from;
  for (const entry of entries) {
    if (entry.sequence !== sequence + 1) return `after entry ${sequence} comes ${entry.sequence}: entries are missing`;
    if (entry.previous !== hash) return `entry ${entry.sequence} does not follow the entry before it`;
    if (auditHash(entry) !== entry.hash) return `entry ${entry.sequence} was changed`;
    ({ sequence, hash } = entry);
  }
  return null;
}
