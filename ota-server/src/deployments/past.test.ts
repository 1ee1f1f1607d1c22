import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PLAIN_ROLLOUT, type RolloutPolicy } from '@nodeos/contracts/rollout.ts';
import fc from 'fast-check';
import type { Assignment, DeploymentRecord, Rollouts } from '../store/rollouts.ts';
import { openSqliteStore } from '../store/sqlite/store.ts';
import type { Store } from '../store/store.ts';
import { deviceReport } from '../testing/running-server.ts';
import { assignment, device } from '../testing/store-records.ts';
import { Deployments } from './deployments.ts';
import { addDeployment, draftDeployment } from './draft.ts';
import { becomePast } from './past.ts';
import { hasEnded } from './plan-rollout.ts';
import { takeBack, tryAgain } from './steer.ts';
import { takeStep } from './step.ts';

const DEVICES = ['one', 'two', 'three'] as const;
const APPS = ['a', 'b'] as const;
const POLICIES: readonly Partial<RolloutPolicy>[] = [
  {},
  { allowDowngrade: true },
  { maxConcurrent: 1 },
  { soakSeconds: 30 },
  { waves: [{ devices: 1 }], maxFailurePercent: 0, onFailure: 'turn-back' },
  { waves: [{ devices: 1 }], maxFailurePercent: 0, onFailure: 'halt', retries: 1 },
];

/** A fleet whose engine is driven step by step; `reads` counts rows that it was given for devices. */
class Fleet {
  readonly #server = openSqliteStore(':memory:');
  readonly store: Store;
  readonly #deployments: Deployments;
  #now = 1_000;
  #count = 0;
  reads = 0;

  /** @param whole the engine is given all rows of a device, as if none was past */
  constructor(whole: boolean) {
    this.store = this.#watched(this.#server.fleet('main'), whole);
    const nobody = { changes: { publish() {} }, broker: { isOnline: () => true }, news: {} };
    this.#deployments = new Deployments({ store: this.store, ...nobody, now: () => this.#now } as never);
  }

  #watched(store: Store, whole: boolean): Store {
    const listAssignments: Rollouts['listAssignments'] = async (filter) => {
      const { past, ...rest } = filter;
      if (whole && past === true) return [];
      const rows = await store.rollouts.listAssignments(whole ? rest : filter);
      if (filter.devices !== undefined) this.reads += rows.length;
      return whole ? rows.map(({ past: _past, ...row }) => row) : rows;
    };
    return passing(store, {
      rollouts: passing(store.rollouts, { listAssignments }),
      transaction: (work, reach) => store.transaction((inside) => work(this.#watched(inside, whole)), reach),
    });
  }

  async begin(): Promise<void> {
    for (const id of DEVICES) await this.store.addDevice(device(id, { tags: ['all'], report: deviceReport({}) }));
  }

  async deploy(name: string, version: number, to: { tag: string } | { device: string }, policy: number): Promise<void> {
    const target = `apps/${name}/${version}.0.0/any.sqfs`;
    await this.store.releases.put({
      ...{ target, kind: 'app', name, version: `${version}.0.0`, bytes: 1, sha256: 'f'.repeat(64) },
      ...{ publishedAt: 1, custom: {} as never, listed: true },
    });
    const rollout = { ...PLAIN_ROLLOUT, ...POLICIES[policy % POLICIES.length] };
    // A device that is pinned or runs something newer is refused by its name.
    const draft = await draftDeployment(this.store, { target, to, rollout }, this.#now).catch(() => null);
    if (draft === null) return;
    const numbered = { ...draft, id: `d${this.#count++}` };
    await this.store.transaction((inside) => addDeployment(inside, numbered, () => true, this.#now));
  }

  /** The device does what is wanted of it, but for what fails there. */
  async report(id: string, fails: boolean): Promise<void> {
    const before = await this.store.getDevice(id);
    if (before === null || before.state !== 'active') return;
    const { apps, generation } = before.desired;
    const running = Object.entries(apps).map(([name, { version }]) => [
      name,
      fails
        ? before.report?.apps[name]
        : { version, sha256: 'f'.repeat(64), state: 'running', restarts: 0, reason: null },
    ]);
    const state = fails ? 'failed' : 'confirmed';
    const updates = Object.entries(apps)
      .filter(([, { deployment }]) => deployment !== null)
      .map(([name, wanted]) => ({ lane: 'app', name, ...wanted, state, percent: null, reason: fails ? 'BAD' : null }));
    const report = deviceReport({
      generation,
      apps: Object.fromEntries(running.filter(([, app]) => app !== undefined)),
      updates,
    } as never);
    await this.store.transaction(async (inside) => {
      await inside.updateDevice(id, { report });
      await this.#deployments.noteReport(inside, id, report);
    });
  }

  change(id: string, patch: Parameters<Store['updateDevice']>[1]): Promise<unknown> {
    return this.store.transaction(async (inside) => {
      await inside.updateDevice(id, patch);
      return this.#deployments.recompute(inside, [id]);
    });
  }

  async steer(index: number, how: 'abort' | 'turn back' | 'again'): Promise<void> {
    const all = await this.store.rollouts.listDeployments();
    const found = all[index % Math.max(1, all.length)];
    if (found === undefined || (how === 'again' && found.state !== 'halted')) return;
    await this.store.transaction((inside) =>
      how === 'again'
        ? tryAgain(inside, found.id, this.#now)
        : takeBack(inside, found.id, how === 'turn back', this.#now),
    );
  }

  /** As long as any deployment has something to decide. */
  async settle(): Promise<void> {
    this.#now += 60_000;
    for (let round = 0, more = true; more && round < 30; round++) {
      more = false;
      for (const { id } of await this.store.rollouts.listDeployments()) {
        const step = await this.store.transaction((inside) => takeStep(inside, id, this.#now));
        more ||= step.written !== null || step.more;
      }
    }
  }

  async state() {
    const rows = await this.store.rollouts.listAssignments({});
    return {
      rows: rows.map(({ past: _past, ...row }) => row).sort(byDeployment),
      desired: (await this.store.listDevices()).map(({ id, desired }) => ({ id, desired })),
      deployments: await this.store.rollouts.listDeployments(),
    };
  }

  async close(): Promise<void> {
    await this.#deployments.close();
    await this.#server.close();
  }
}

/** An object with some of its members replaced. */
function passing<T extends object>(of: T, replaced: Partial<T>): T {
  return new Proxy(of, {
    get(target, name) {
      if (name in replaced) return replaced[name as keyof T];
      const value = target[name as keyof T];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

const byDeployment = (a: Assignment, b: Assignment): number =>
  `${a.deployment} ${a.device}` < `${b.deployment} ${b.device}` ? -1 : 1;

const deviceOf = fc.constantFrom(...DEVICES);
const app = fc.constantFrom('a', ...APPS);
const destination = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom({ tag: 'all' }, { tag: 'some' }) },
  fc.record({ device: deviceOf }),
);
const act = fc.oneof(
  // Without it few would ever get through.
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('rollout' as const), app, to: destination, policy: fc.nat(11) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('deploy' as const), app, to: destination, policy: fc.nat(11) }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('report' as const), id: deviceOf, fails: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('steer' as const),
      index: fc.nat(7),
      how: fc.constantFrom('abort' as const, 'turn back' as const, 'again' as const),
    }),
  },
  fc.record({
    kind: fc.constant('tag' as const),
    id: deviceOf,
    tags: fc.constantFrom(['all'], ['all', 'some'], ['some']),
  }),
  fc.record({ kind: fc.constant('pin' as const), id: deviceOf, app, index: fc.option(fc.nat(5)) }),
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
);
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

async function perform(fleet: Fleet, acted: Act, number: number): Promise<void> {
  if (acted.kind === 'rollout') {
    await fleet.deploy(acted.app, number + 1, acted.to, acted.policy);
    for (let round = 0; round < 2; round++) {
      for (const id of DEVICES) await fleet.report(id, false);
      await fleet.settle();
    }
  }
  if (acted.kind === 'deploy') return fleet.deploy(acted.app, number + 1, acted.to, acted.policy);
  if (acted.kind === 'report') return fleet.report(acted.id, acted.fails === 0);
  if (acted.kind === 'steer') return fleet.steer(acted.index, acted.how);
  if (acted.kind === 'settle') return fleet.settle();
  if (acted.kind === 'tag') await fleet.change(acted.id, { tags: acted.tags });
  if (acted.kind !== 'pin') return;
  const releases = (await fleet.store.releases.list()).filter(({ name }) => name === acted.app);
  const pinned = acted.index === null ? undefined : releases[acted.index % Math.max(1, releases.length)];
  await fleet.change(acted.id, { pins: pinned === undefined ? {} : { [acted.app]: pinned.target } });
}

/** A device leaves the reach of the newest that it confirmed, and an older one begins that it had not been given. */
const NEWEST_OUT_OF_REACH: Act[] = [
  { kind: 'rollout', app: 'a', to: { tag: 'some' }, policy: 0 },
  { kind: 'rollout', app: 'a', to: { tag: 'all' }, policy: 0 },
  { kind: 'tag', id: 'three', tags: ['some'] },
  { kind: 'settle' },
  { kind: 'rollout', app: 'b', to: { tag: 'some' }, policy: 0 },
  { kind: 'report', id: 'three', fails: 1 },
  { kind: 'deploy', app: 'a', to: { device: 'one' }, policy: 0 },
  { kind: 'deploy', app: 'a', to: { device: 'one' }, policy: 0 },
  { kind: 'rollout', app: 'b', to: { tag: 'all' }, policy: 0 },
  { kind: 'rollout', app: 'b', to: { tag: 'some' }, policy: 0 },
];

test('past: what happens to a fleet is the same whether rows that are past are read or not', async () => {
  const seen = { past: 0, again: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 60 }), async (acts) => {
      const fleets = [new Fleet(false), new Fleet(true)] as const;
      try {
        for (const fleet of fleets) await fleet.begin();
        let before = new Set<string>();
        for (const [number, acted] of acts.entries()) {
          for (const fleet of fleets) await perform(fleet, acted, number);
          const [narrow, whole] = [await fleets[0].state(), await fleets[1].state()];
          assert.deepEqual(narrow, whole);
          const rows = await fleets[0].store.rollouts.listAssignments({});
          checkPast(rows, new Map(narrow.deployments.map((one) => [one.id, one])));
          for (const { id, desired } of narrow.desired)
            for (const { deployment } of Object.values(desired.apps))
              assert.ok(!rows.some((row) => row.past && row.device === id && row.deployment === deployment), id);
          const past = new Set(rows.filter((row) => row.past).map((row) => `${row.deployment} ${row.device}`));
          seen.past += past.size;
          seen.again += [...before].filter((row) => !past.has(row)).length;
          before = past;
        }
      } finally {
        for (const fleet of fleets) await fleet.close();
      }
    }),
    { numRuns: Number(process.env.RUNS ?? 60), examples: [[NEWEST_OUT_OF_REACH]] },
  );
  assert.ok(seen.past > 0 && seen.again > 0, JSON.stringify(seen));
});

/** What is past has ended, and nothing older of its lane on the device is not past. */
function checkPast(rows: readonly Assignment[], deployments: Map<string, { sequence: number; name: string }>): void {
  const sequence = (row: Assignment): number => deployments.get(row.deployment)?.sequence ?? 0;
  const lanes = Map.groupBy(rows, (row) => `${row.device} ${deployments.get(row.deployment)?.name}`);
  for (const [lane, ranked] of lanes) {
    const ordered = ranked.toSorted((a, b) => sequence(a) - sequence(b));
    const current = ordered.findIndex((row) => row.past !== true);
    assert.ok(current !== -1 && ordered.slice(current).every((row) => row.past !== true), lane);
    assert.ok(ordered.slice(0, current).every(hasEnded), lane);
  }
}

test('past: what was turned back and has ended says what to go back to when a newer deployment is taken back', async () => {
  const fleet = new Fleet(false);
  await fleet.begin();
  await fleet.deploy('a', 1, { device: 'one' }, 0);
  await fleet.report('one', false);
  await fleet.steer(0, 'turn back');
  await fleet.report('one', false);
  await fleet.deploy('a', 2, { device: 'one' }, 0);
  await fleet.report('one', false);
  const past = async () =>
    (await fleet.store.rollouts.listAssignments({ past: true })).map(({ deployment, state }) => [deployment, state]);
  assert.deepEqual(await past(), [['d0', 'returned']]);
  await fleet.steer(0, 'abort');
  const desired = async () => (await fleet.store.getDevice('one'))?.desired;
  assert.deepEqual((await desired())?.removeApps, ['a']);
  assert.deepEqual(await past(), []);

  await fleet.deploy('a', 3, { device: 'one' }, 0);
  await fleet.report('one', false);
  await fleet.deploy('a', 4, { device: 'one' }, 0);
  await fleet.report('one', false);
  assert.deepEqual(await past(), [
    ['d0', 'returned'],
    ['d1', 'confirmed'],
    ['d2', 'confirmed'],
  ]);
  // One that is past itself: nothing else is wanted, but its row has not ended any more.
  const before = await desired();
  await fleet.steer(1, 'turn back');
  assert.deepEqual(await desired(), before);
  const open = await fleet.store.rollouts.listAssignments({ past: false });
  assert.deepEqual(
    open.map(({ deployment, state }) => [deployment, state]),
    [
      ['d2', 'returning'],
      ['d3', 'confirmed'],
    ],
  );
  await fleet.close();
});

test('past: older rows of the lane that have ended, once a newer deployment is confirmed that counts', () => {
  type Row = readonly [state: Assignment['state'], of?: DeploymentRecord['state'], name?: string];
  /** @param wanted the only one that is wanted of the device; any, where nothing is said */
  const pastOf = (all: readonly Row[], wanted?: number): number[] => {
    const rows = all.map(([state], index) => ({ ...assignment(`${index}`, 'one'), state }));
    const ranked = (id: string) => {
      const [, state = 'done', name = 'a'] = all[Number(id)] ?? [];
      return { sequence: Number(id), kind: 'app' as const, name, state };
    };
    const release = (index: number) => ({ version: '1.0.0', target: '', deployment: `${index}` });
    const names = wanted === undefined ? all.map((_row, index) => index) : [wanted];
    const apps = Object.fromEntries(names.map((index) => [`${index}`, release(index)]));
    // In whatever order they were read.
    return becomePast(rows.toReversed(), ranked, { system: null, apps }).map(({ deployment }) => Number(deployment));
  };
  assert.deepEqual(
    pastOf([['failed'], ['superseded'], ['confirmed', 'done', 'b'], ['skipped'], ['confirmed'], ['waiting']]),
    [0, 1, 3],
  );
  assert.deepEqual(pastOf([['failed'], ['returning'], ['failed'], ['confirmed']]), [0]);
  assert.deepEqual(pastOf([['confirmed'], ['failed'], ['confirmed', 'turned-back']]), []);
  assert.deepEqual(pastOf([['failed'], ['confirmed'], ['confirmed', 'aborted']]), [0]);
  assert.deepEqual(pastOf([['failed'], ['waiting']]), []);
  // The newest no longer reaches the device.
  assert.deepEqual(pastOf([['failed'], ['confirmed'], ['confirmed']], 1), [0]);
  assert.deepEqual(pastOf([['confirmed'], ['confirmed']], 0), []);
});

test('past: however much was deployed before, the engine is given few rows of a device', async () => {
  for (const policy of [0, POLICIES.findIndex(({ soakSeconds }) => soakSeconds !== undefined)]) {
    const fleet = new Fleet(false);
    await fleet.begin();
    const reads: number[] = [];
    for (let version = 1; version <= 12; version++) {
      fleet.reads = 0;
      for (const name of APPS) await fleet.deploy(name, version, { tag: 'all' }, policy);
      for (const id of DEVICES) await fleet.report(id, false);
      await fleet.settle();
      reads.push(fleet.reads);
    }
    assert.deepEqual(new Set(reads.slice(2)), new Set([reads[2]]));
    await fleet.close();
  }
});
