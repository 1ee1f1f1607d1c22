import { isDeepStrictEqual } from 'node:util';
import type { WantedRelease } from '@nodeos/contracts/desired-state.ts';
import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import type { StateStore } from '../state.ts';

/** A new percentage is worth a report after this much of it, or this long. */
const REPORT_EVERY_PERCENT = 10;
const REPORT_EVERY_MS = 2_000;

/** One update: a release that goes to one app, or to the system (`name` null). */
export interface UpdateSubject {
  readonly name: string | null;
  readonly release: WantedRelease;
}

/** Statuses of the updates under way, beside the ended ones in state.json. */
export interface StatusBoard {
  /** What the server has not acknowledged, then what is under way. */
  all(): UpdateStatus[];
  show(subject: UpdateSubject, state: UpdateStatus['state'], details?: { percent?: number; reason?: string }): void;
  /** Takes away what is under way and not kept. */
  clear(keep?: (status: UpdateStatus) => boolean): void;
  acknowledge(updates: readonly UpdateStatus[]): Promise<void>;
}

export function createStatusBoard(
  store: StateStore,
  report: () => Promise<void>,
  monotonicMs: () => number,
): StatusBoard {
  const live = new Map<string, UpdateStatus>();
  let reportedMs = Number.NEGATIVE_INFINITY;
  let reportedPercent = 0;

  function changed(percent: number): void {
    reportedMs = monotonicMs();
    reportedPercent = percent;
    report().catch(() => {});
  }

  return {
    all() {
      const ended = store.state.ended.filter((status) => !live.has(keyOf(status)));
      return [...ended, ...live.values()];
    },
    show(subject, state, { percent, reason } = {}) {
      const status = toStatus(subject, state, percent ?? null, reason ?? null);
      const before = live.get(keyOf(status));
      live.set(keyOf(status), status);
      const now = percent ?? 0;
      const moved =
        Math.abs(now - reportedPercent) >= REPORT_EVERY_PERCENT || monotonicMs() - reportedMs >= REPORT_EVERY_MS;
      if (before?.state !== state || before.reason !== status.reason || (before.percent !== status.percent && moved))
        changed(now);
    },
    clear(keep = () => false) {
      for (const [key, status] of live) if (!keep(status)) live.delete(key);
    },
    async acknowledge(updates) {
      const known = (status: UpdateStatus) => updates.some((update) => isDeepStrictEqual(update, status));
      await store.update((state) =>
        state.ended.some(known) ? { ...state, ended: state.ended.filter((status) => !known(status)) } : state,
      );
    },
  };
}

export function toStatus(
  { name, release }: UpdateSubject,
  state: UpdateStatus['state'],
  percent: number | null,
  reason: string | null,
): UpdateStatus {
  return {
    lane: name === null ? 'system' : 'app',
    name: name ?? 'system',
    version: release.version,
    target: release.target,
    deployment: release.deployment,
    state,
    percent: percent === null ? null : Math.round(percent),
    reason: reason?.slice(0, 2000) ?? null,
  };
}

function keyOf({ lane, name, target, deployment }: UpdateStatus): string {
  return JSON.stringify([lane, name, target, deployment]);
}
