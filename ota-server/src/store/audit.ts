import type { AuditEntry } from '@nodeos/contracts/audit.ts';

/** The audit log of one fleet. The database itself refuses to change or remove an entry. */
export interface AuditStore {
  /** Within a transaction: nobody else appends before it ends. */
  hold(): Promise<void>;
  append(entries: readonly AuditEntry[]): Promise<void>;
  /** Newest first; `before` is a sequence number. */
  list(filter: { before?: number; limit: number; actor?: string }): Promise<AuditEntry[]>;
}
