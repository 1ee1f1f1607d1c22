import { AUDIT_START, type AuditEntry, type UnchainedEntry } from '@nodeos/contracts/audit.ts';
import { auditFault, auditHash } from '@nodeos/contracts/audit-chain.ts';
import { SERVER_LIMITS } from '../limits.ts';
import { Sequence } from '../sequence.ts';
import type { Store } from '../store/store.ts';

export type AuditEvent = Pick<UnchainedEntry, 'actor' | 'address' | 'action' | 'target' | 'outcome'> & {
  readonly details?: string;
};

/** Chains entries to the last one; belongs into a transaction. */
export async function appendEntries({ audit }: Store, events: readonly AuditEvent[], at: number): Promise<void> {
  await audit.hold();
  let [last = AUDIT_START] = await audit.list({ limit: 1 });
  const entries: AuditEntry[] = [];
  for (const event of events) {
    const details = (event.details ?? '').slice(0, SERVER_LIMITS.auditDetailsMaxCharacters);
    const unchained = { ...event, details, sequence: last.sequence + 1, at, previous: last.hash };
    const entry = { ...unchained, hash: auditHash(unchained) };
    entries.push(entry);
    last = entry;
  }
  await audit.append(entries);
}

/** Who did what in one fleet, when and from where. Entries are chained by their hashes: a hole shows. */
export class AuditLog {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #sequence = new Sequence();

  constructor(store: Store, now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
  }

  /** Resolves when the entries are written: what they tell of must not begin before. */
  record(...events: readonly AuditEvent[]): Promise<void> {
    return this.#sequence.run(() =>
      this.#store.transaction((store) => appendEntries(store, events, this.#now()), 'audit'),
    );
  }

  async page(filter: { before?: number; limit: number; actor?: string }) {
    const [head = AUDIT_START] = await this.#store.audit.list({ limit: 1 });
    return { entries: await this.#store.audit.list(filter), head: { sequence: head.sequence, hash: head.hash } };
  }

  /** Reads the whole log. @returns the number of entries, and the first fault of the chain */
  async verify(): Promise<{ entries: number; fault: string | null }> {
    let before: number | undefined;
    let newer: AuditEntry | null = null;
    let entries = 0;
    for (;;) {
      const page = await this.#store.audit.list({ before, limit: SERVER_LIMITS.auditPageEntries });
      const oldest = page.at(-1);
      if (oldest === undefined) break;
      entries += page.length;
      const forward: AuditEntry[] = [...page].reverse();
      if (newer !== null) forward.push(newer);
      const fault = auditFault(forward, { sequence: oldest.sequence - 1, hash: oldest.previous });
      if (fault !== null) return { entries, fault };
      newer = oldest;
      before = oldest.sequence;
    }
    return { entries, fault: newer === null ? null : auditFault([newer], AUDIT_START) };
  }
}
