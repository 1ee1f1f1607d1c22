import type { Identity } from '@nodeos/contracts/access.ts';
import type { Deployment, DeviceSummary, Group, Release, ServerInfo } from '@nodeos/contracts/operator-api.ts';
import { useEffect, useState } from 'preact/hooks';
import { ApiError, api } from './api.ts';

export interface Fleet {
  readonly me: Identity;
  readonly server: ServerInfo;
  readonly devices: readonly DeviceSummary[];
  readonly deployments: readonly Deployment[];
  readonly releases: readonly Release[];
  readonly groups: readonly Group[];
  /** False while the event stream is broken: what is shown may be old. */
  readonly live: boolean;
  /** Grows with each change of a device, so that an open device page reloads. */
  readonly revisions: ReadonlyMap<string, number>;
}
export type FleetState =
  | { readonly phase: 'loading' }
  | { readonly phase: 'signed-out' }
  | { readonly phase: 'failed'; readonly error: ApiError }
  | { readonly phase: 'ready'; readonly fleet: Fleet };

interface Change {
  readonly topic: 'devices' | 'deployments' | 'releases' | 'groups';
  readonly id: string;
}
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
      const [devices, deployments, releases, groups] = await Promise.all([
        api.devices(),
        api.deployments(),
        api.releases(),
        api.groups(),
      ]);
      if (stopped) return;
      setState((now) => ({
        phase: 'ready',
        fleet: {
          me,
          server,
          devices,
          deployments,
          releases,
          groups,
          live: true,
          revisions: bumped(
            now.phase === 'ready' ? now.fleet.revisions : new Map(),
            devices.map(({ id }) => id),
          ),
        },
      }));
    };

    const loadChanged = async (): Promise<void> => {
      const topics = new Set(pending.map(({ topic }) => topic));
      const ids = pending.filter(({ topic }) => topic === 'devices').map(({ id }) => id);
      pending = [];
      const devices = topics.has('devices') ? await api.devices() : null;
      const deployments = topics.has('deployments') ? await api.deployments() : null;
      const releases = topics.has('releases') ? await api.releases() : null;
      const groups = topics.has('groups') ? await api.groups() : null;
      patch((fleet) => ({
        devices: devices ?? fleet.devices,
        deployments: deployments ?? fleet.deployments,
        releases: releases ?? fleet.releases,
        groups: groups ?? fleet.groups,
        revisions: bumped(fleet.revisions, ids),
      }));
    };

    const listen = (): void => {
      events = new EventSource('/api/v1/events');
      let broken = false;
      events.addEventListener('change', (event) => {
        pending.push(JSON.parse((event as MessageEvent<string>).data) as Change);
        // Reports of many devices come in bursts: one reload for all of them.
        timer ??= setTimeout(() => {
          timer = undefined;
          loadChanged().catch(fail);
        }, GATHER_MS);
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

function bumped(revisions: ReadonlyMap<string, number>, ids: readonly string[]): Map<string, number> {
  const next = new Map(revisions);
  for (const id of ids) next.set(id, (next.get(id) ?? 0) + 1);
  return next;
}
