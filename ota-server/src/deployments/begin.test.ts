import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { SERVER_LIMITS } from '../limits.ts';
import type { Assignment, Rollouts } from '../store/rollouts.ts';
import { openSqliteStore } from '../store/sqlite/store.ts';
import type { DeviceRecord, Store } from '../store/store.ts';
import { deviceReport } from '../testing/running-server.ts';
import { device } from '../testing/store-records.ts';
import { Deployments } from './deployments.ts';
import { NOTHING_DESIRED } from './plan.ts';

const TARGET = 'apps/a/1.0.0/any.sqfs';

interface FleetOptions {
  readonly change?: (index: number) => Partial<DeviceRecord>;
  readonly listen?: boolean;
  readonly whileTold?: (deployments: Deployments) => Promise<void>;
}

/** A fleet of devices, and what becomes of its rows. */
async function fleetOf(context: TestContext, count: number, { change, listen = true, whileTold }: FleetOptions = {}) {
  const server = openSqliteStore(':memory:');
  const store = server.fleet('main');
  await store.releases.put({
    ...{ target: TARGET, kind: 'app', name: 'a', version: '1.0.0', bytes: 1, sha256: 'f'.repeat(64) },
    ...{ publishedAt: 1, custom: {} as never, listed: true },
  });
  await store.transaction(async (inside) => {
    for (let index = 0; index < count; index++)
      await inside.addDevice(device(`${index}`, { tags: ['all'], ...change?.(index) }));
  });
  const seen = {
    steps: [] as string[],
    transactions: 0,
    rows: 0,
    told: [] as { device: string; transactions: number }[],
  };
  const deployments: Deployments = new Deployments({
    store: watched(store, seen),
    changes: { publish() {} } as never,
    door: {
      shut() {
        seen.steps.push('shut');
        return () => void seen.steps.push('open');
      },
    },
    // The first alone is there, so that it is of the first wave.
    broker: { isOnline: (id) => id === '0' },
    news: {
      asked: () => true,
      reported() {},
      async tell(devices) {
        for (const id of devices.keys()) seen.told.push({ device: id, transactions: seen.transactions });
        await whileTold?.(deployments);
        return listen ? [...devices.keys()] : [];
      },
    },
  });
  context.after(async () => {
    await deployments.close();
    await server.close();
  });
  return { deployments, seen, store };
}

function watched(store: Store, seen: { steps: string[]; transactions: number; rows: number }): Store {
  const counted = (name: 'addAssignments' | 'putAssignments') => ({
    [name]: (rows: readonly Assignment[]) => {
      seen.rows += rows.length;
      return store.rollouts[name](rows);
    },
  });
  const rollouts = passing<Rollouts>(store.rollouts, { ...counted('addAssignments'), ...counted('putAssignments') });
  return passing<Store>(store, {
    rollouts,
    transaction: (work, reach) => {
      seen.transactions++;
      seen.steps.push('transaction');
      return store.transaction((inside) => work(watched(inside, seen)), reach);
    },
  });
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

test('devices that nobody waits for begin in the transaction that makes the deployment, each written once', async (context) => {
  const { deployments, seen } = await fleetOf(context, 20);
  const rollout = { waves: [{ percent: 25 }] };
  const { id, counts } = await deployments.create({ target: TARGET, to: { tag: 'all' }, rollout });
  assert.equal(seen.told.length, 5);
  assert.ok(seen.told.every(({ transactions }) => transactions === 1));
  assert.equal(seen.rows, 20);
  assert.deepEqual(counts, { told: 5, planned: 15 });
  assert.equal((await deployments.get(id)).state, 'running');
});

test('reports are read where a query asks for them, of a deployment or of a group', async (context) => {
  const change = (index: number) => ({ report: deviceReport({ hostname: index === 1 ? 'here' : 'there' }) });
  const query = 'name = here';
  for (const name of [null, 'asked']) {
    const { deployments, seen, store } = await fleetOf(context, 3, { change });
    if (name !== null) await store.rollouts.putGroup({ name, query, devices: [], window: null, createdAt: 1 });
    const to = name === null ? { query } : { group: name };
    const { counts } = await deployments.create({ target: TARGET, to });
    assert.deepEqual([counts, seen.told.map(({ device: id }) => id)], [{ told: 1 }, ['1']]);
  }
});

test('each device wants the same in a generation of its own', async (context) => {
  const { deployments, store } = await fleetOf(context, 4, {
    change: (index) => ({ desired: { ...NOTHING_DESIRED, generation: index % 2 === 0 ? 3 : 7 } }),
  });
  const { id } = await deployments.create({ target: TARGET, to: { tag: 'all' } });
  const wanted = (await store.listDevices()).map(({ desired }) => [desired.generation, desired.apps.a?.deployment]);
  assert.deepEqual(wanted, [
    [4, id],
    [8, id],
    [4, id],
    [8, id],
  ]);
});

test('while the devices of a new deployment are told, one that asks makes no step', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const during: number[] = [];
  const { deployments, seen } = await fleetOf(context, 2, {
    async whileTold(telling) {
      await telling.asked('1');
      context.mock.timers.tick(SERVER_LIMITS.untoldMs - 1);
      await setImmediate();
      during.push(seen.transactions);
    },
  });
  const { counts } = await deployments.create({ target: TARGET, to: { tag: 'all' } });
  // One has made the deployment, and one has noted that the device has asked.
  assert.deepEqual(during, [2]);
  assert.deepEqual(counts, { told: 2 });
});

test('devices that come by themselves wait until those of a new deployment have heard, or of one that is taken back', async (context) => {
  const { deployments, seen } = await fleetOf(context, 3, { whileTold: async () => void seen.steps.push('told') });
  const { id } = await deployments.create({ target: TARGET, to: { tag: 'all' } });
  assert.deepEqual(seen.steps.slice(0, 5), ['shut', 'transaction', 'told', 'open', 'transaction']);
  seen.steps.length = 0;
  await deployments.abort(id);
  assert.deepEqual(seen.steps.slice(0, 4), ['shut', 'transaction', 'told', 'open']);
});

test('a deployment that cannot be written keeps nobody outside', async (context) => {
  const { deployments, seen, store } = await fleetOf(context, 3);
  const broken = new Error('the disk is full');
  context.mock.method(Object.getPrototypeOf(store.rollouts), 'addDeployment', () => Promise.reject(broken));
  await assert.rejects(deployments.create({ target: TARGET, to: { tag: 'all' } }), broken);
  assert.deepEqual(seen.steps, ['shut', 'transaction', 'open']);
});

test('more devices than one step changes all begin, step by step, also where nobody listens', async (context) => {
  const count = 2 * SERVER_LIMITS.devicesPerStep + 100;
  const { deployments, seen } = await fleetOf(context, count, { listen: false });
  const { counts } = await deployments.create({ target: TARGET, to: { tag: 'all' } });
  assert.equal(new Set(seen.told.map(({ device: id }) => id)).size, count);
  assert.equal(seen.told.filter(({ transactions }) => transactions === 1).length, SERVER_LIMITS.devicesPerStep);
  assert.deepEqual(counts, { waiting: count });
});

test('a wave of which nobody begins is passed over in the step that follows', async (context) => {
  const pinned = { pins: { a: 'apps/a/0.9.0/any.sqfs' } };
  const { deployments, seen } = await fleetOf(context, 2, { change: (index) => (index === 0 ? pinned : {}) });
  const { counts, wave } = await deployments.create({
    ...{ target: TARGET, to: { tag: 'all' }, rollout: { waves: [{ devices: 1 }] } },
  });
  assert.deepEqual([counts, wave], [{ skipped: 1, told: 1 }, 1]);
  assert.deepEqual(seen.told, [{ device: '1', transactions: 2 }]);
});

test('a step that finds nothing to do keeps nobody from the rows, and the next one that finds something does it', async (context) => {
  const { deployments, seen, store } = await fleetOf(context, 3);
  const { id } = await deployments.create({ target: TARGET, to: { tag: 'all' } });
  const step = async (): Promise<number> => {
    const before = seen.transactions;
    deployments.reported('0', deviceReport(), new Set([id]));
    await deployments.get(id);
    return seen.transactions - before;
  };
  await step();
  assert.equal(await step(), 0);
  const rows = await store.rollouts.listAssignments({ deployment: id });
  await store.rollouts.putAssignments(rows.map((row) => ({ ...row, state: 'confirmed' })));
  assert.equal(await step(), 1);
  assert.equal((await deployments.get(id)).state, 'done');
});

test('a device that asks is told by it, and where it was told before nothing is locked for it', async (context) => {
  const { deployments, seen } = await fleetOf(context, 2, { listen: false });
  const { id } = await deployments.create({ target: TARGET, to: { tag: 'all' } });
  const before = seen.transactions;
  await deployments.asked('1');
  assert.equal(seen.transactions, before + 1);
  assert.deepEqual((await deployments.get(id)).counts, { waiting: 1, told: 1 });
  const after = seen.transactions;
  await deployments.asked('1');
  assert.equal(seen.transactions, after);
});
