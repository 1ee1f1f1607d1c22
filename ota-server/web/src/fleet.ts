import type { Identity } from '@nodeos/contracts/access.ts';
import type { FleetOverview } from '@nodeos/contracts/device-list.ts';
import type { Deployment, Group, Release, ServerInfo } from '@nodeos/contracts/operator-api.ts';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, api } from './api.ts';

export interface Fleet {
  readonly me: Identity;
  readonly server: ServerInfo;
  readonly overview: FleetOverview;
  /** The newest, and those of the others that have not ended. */
  readonly deployments: readonly Deployment[];
  readonly releases: readonly Release[];
  readonly groups: readonly Group[];
  /** False while the event stream is broken: what is shown may be old. */
  readonly live: boolean;
  /** Grows whenever devices have changed, so that lists of them are loaded anew. */
  readonly turn: number;
  /** The `turn` in which a device has changed last; that of the whole fleet stands under the empty id. */
  readonly changes: ReadonlyMap<string, number>;
}
/** Changes when the device does. */
export const revisionOf = ({ changes }: Fleet, id: string): number =>
  Math.max(changes.get(id) ?? 0, changes.get('') ?? 0);

export type FleetState =
  | { readonly phase: 'loading' }
  | { readonly phase: 'signed-out' }
  | { readonly phase: 'failed'; readonly error: ApiError }
  | { readonly phase: 'ready'; readonly fleet: Fleet };

interface Change {
  readonly topic: 'devices' | 'deployments' | 'releases' | 'groups';
  readonly id: string;
}
export const RECENT_DEPLOYMENTS = 25;
/** Reports of many devices come in bursts: one reload for all of them, and a pause as long as it took. */
const GATHER_MS = 250;

/** Loads the fleet and keeps it up to date by the server's events. `session` changes at login. */
export function useFleet(session: number): [FleetState, () => void] {
  const [state, setState] = useState<FleetState>({ phase: 'loading' });
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    let stopped = false;
    let events: EventSource | null = null;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let pending: Change[] = [];
    const patch = (change: (fleet: Fleet) => Partial<Fleet>): void =>
      setState((now) =>
        now.phase === 'ready' && !stopped ? { phase: 'ready', fleet: { ...now.fleet, ...change(now.fleet) } } : now,
      );
    const fail = (error: unknown): void => {
      if (stopped) return;
      const known = error instanceof ApiError ? error : new ApiError('INTERNAL', String(error), 'Reload the page.');
      if (known.code === 'UNAUTHENTICATED') setState({ phase: 'signed-out' });
      else setState((now) => (now.phase === 'ready' ? now : { phase: 'failed', error: known }));
    };

    const loadAll = async (): Promise<void> => {
      // First alone: where nobody is signed in, one refused request is enough.
      const me = await api.me();
      const server = await api.server();
      const [overview, deployments, releases, groups] = await Promise.all([
        api.overview(),
        api.deployments({ recent: RECENT_DEPLOYMENTS }),
        api.releases(),
        api.groups(),
      ]);
      if (stopped) return;
      setState((now) => {
        const turn = now.phase === 'ready' ? now.fleet.turn + 1 : 0;
        const changes = new Map([['', turn]]);
        return {
          phase: 'ready',
          fleet: { me, server, overview, deployments, releases, groups, live: true, turn, changes },
        };
      });
    };

    const loadChanged = async (): Promise<void> => {
      const topics = new Set(pending.map(({ topic }) => topic));
      const ids = pending.filter(({ topic }) => topic === 'devices').map(({ id }) => id);
      pending = [];
      const overview = topics.has('devices') ? await api.overview() : null;
      const deployments = topics.has('deployments') ? await api.deployments({ recent: RECENT_DEPLOYMENTS }) : null;
      const releases = topics.has('releases') ? await api.releases() : null;
      const groups = topics.has('groups') ? await api.groups() : null;
      patch((fleet) => {
        const turn = ids.length > 0 ? fleet.turn + 1 : fleet.turn;
        return {
          overview: overview ?? fleet.overview,
          deployments: deployments ?? fleet.deployments,
          releases: releases ?? fleet.releases,
          groups: groups ?? fleet.groups,
          turn,
          changes: new Map([...fleet.changes, ...ids.map((id) => [id, turn] as const)]),
        };
      });
    };

    const loadSoon = (waitMs: number): void => {
      timer ??= setTimeout(() => {
        const began = performance.now();
        const goOn = (): void => {
          timer = undefined;
          if (pending.length > 0 && !stopped) loadSoon(Math.max(GATHER_MS, performance.now() - began));
        };
        loadChanged().catch(fail).then(goOn);
      }, waitMs);
    };

    const listen = (): void => {
      events = new EventSource('/api/v1/events');
      let broken = false;
      events.addEventListener('change', (event) => {
        pending.push(JSON.parse((event as MessageEvent<string>).data) as Change);
        loadSoon(GATHER_MS);
      });
      events.addEventListener('error', () => {
        broken = true;
        patch(() => ({ live: false }));
        // The browser comes back by itself, but not after an answer such as "signed out".
        if (events?.readyState === EventSource.CLOSED && !stopped) setTimeout(() => setAttempt((n) => n + 1), 3000);
      });
      events.addEventListener('open', () => {
        if (broken) loadAll().catch(fail);
        broken = false;
      });
    };

    loadAll().then(() => {
      if (!stopped) listen();
    }, fail);
    return () => {
      stopped = true;
      clearTimeout(timer);
      events?.close();
    };
  }, [session, attempt]);

  return [state, () => setAttempt((n) => n + 1)];
}
