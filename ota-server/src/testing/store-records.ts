import type { TestContext } from 'node:test';
import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import { PLAIN_ROLLOUT } from '@nodeos/contracts/rollout.ts';
import { NOTHING_DESIRED } from '../deployments/plan.ts';
import type { Assignment } from '../store/rollouts.ts';
import type { DeviceRecord, ServerStore } from '../store/store.ts';

/** The implementation of Store that a suite is run against. */
export interface TestedStore {
  readonly name: string;
  /** An empty one, closed after the test. */
  readonly openServer: (context: TestContext) => Promise<ServerStore>;
  readonly options: { readonly skip?: string };
}

export const device = (id: string, change: Partial<DeviceRecord> = {}): DeviceRecord => ({
  id,
  serial: `S-${id}`,
  board: 'pc',
  state: 'active',
  tags: [],
  publicKey: `key-${id}`,
  certificate: null,
  systemVersion: '1.0.0',
  lastSeen: null,
  createdAt: 1,
  report: null,
  desired: NOTHING_DESIRED,
  pins: {},
  ...change,
});
export const update = (state: UpdateStatus['state'], target = 'apps/a/1.0.0/any.sqfs'): UpdateStatus => ({
  lane: 'app',
  name: 'a',
  version: '1.0.0',
  target,
  deployment: 'd1',
  state,
  percent: null,
  reason: null,
});
export const deployment = (id: string) =>
  ({
    id,
    target: 'apps/a/1.0.0/any.sqfs',
    kind: 'app',
    name: 'a',
    version: '1.0.0',
    to: { tag: 'all' },
    rollout: PLAIN_ROLLOUT,
    state: 'running',
    reason: null,
    wave: 0,
    approvedWave: -1,
    createdAt: 5,
    endedAt: null,
  }) as const;

export const assignment = (of: string, on: string): Assignment => ({
  ...{ deployment: of, device: on, state: 'waiting', percent: null, reason: null, generation: 4, wave: 0 },
  ...{ attempts: 1, notBefore: null, since: 5, releasedAt: 5, previous: null },
});
