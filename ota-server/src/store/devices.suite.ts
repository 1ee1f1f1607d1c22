import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { NOTHING_DESIRED } from '../deployments/plan.ts';
import { deviceReport } from '../testing/running-server.ts';
import { device, type TestedStore, update } from '../testing/store-records.ts';
import type { ConfigurationRecord } from './configurations.ts';

/** What a store must do with devices, their history and what their apps are configured with. */
export function testDevices({ name, openServer, options }: TestedStore): void {
  const open = async (context: TestContext) => (await openServer(context)).fleet('main');

  test(
    `${name}: devices come back as they went in, are found by tag and state, and change field by field`,
    options,
    async (context) => {
      const store = await open(context);
      await store.addDevice(device('a', { tags: ['all', 'with "quotes"'] }));
      await store.addDevice(device('b', { state: 'pending' }));
      assert.deepEqual(await store.getDevice('a'), device('a', { tags: ['all', 'with "quotes"'] }));
      assert.equal(await store.getDevice('c'), null);
      assert.deepEqual(
        (await store.listDevices({ tag: 'with "quotes"' })).map(({ id }) => id),
        ['a'],
      );
      assert.deepEqual((await store.listDevices({ tag: 'al' })).length, 0);
      assert.deepEqual(
        (await store.listDevices({ state: 'pending' })).map(({ id }) => id),
        ['b'],
      );
      assert.deepEqual(await store.countDevices(), { pending: 1, active: 1, revoked: 0 });
      assert.deepEqual(await store.listDeviceIds({ state: 'active' }), ['a']);
      await store.updateDevice('a', { lastSeen: 9 });
      await store.rollouts.setDesired(new Map([['a', { ...NOTHING_DESIRED, generation: 3 }]]));
      assert.deepEqual(await store.getDevice('a'), {
        ...device('a', { tags: ['all', 'with "quotes"'], lastSeen: 9 }),
        desired: { ...NOTHING_DESIRED, generation: 3 },
      });
      await assert.rejects(store.addDevice(device('a')));
    },
  );

  test(`${name}: lists see of a device little, and its report where they ask for it`, options, async (context) => {
    const store = await open(context);
    const report = deviceReport({ hostname: 'here "there"' });
    await store.addDevice(device('silent', { createdAt: 2, state: 'pending' }));
    await store.addDevice(device('speaking', { report, tags: ['all'], lastSeen: 7, createdAt: 1 }));
    const [speaking, silent] = await store.listForList(true);
    assert.deepEqual(
      { ...speaking },
      {
        ...{
          id: 'speaking',
          serial: 'S-speaking',
          board: 'pc',
          state: 'active',
          tags: ['all'],
          systemVersion: '1.0.0',
        },
        ...{ lastSeen: 7, createdAt: 1, hostname: 'here "there"', apps: {}, report },
      },
    );
    assert.deepEqual([silent?.id, silent?.hostname, silent?.report], ['silent', null, null]);
    const [light] = await store.listForList(false);
    assert.equal(light?.hostname, 'here "there"');
    assert.throws(() => light?.report, /were not read/);
  });

  test(`${name}: rollouts see of a device what it runs and wants, as it reported last`, options, async (context) => {
    const store = await open(context);
    const app = (version: string) => ({
      version,
      state: 'running' as const,
      restarts: 0,
      sha256: 'f00d',
      reason: null,
    });
    const report = deviceReport({ hostname: 'here', apps: { hello: app('1.0.0') } });
    await store.addDevice(device('silent', { createdAt: 2 }));
    await store.addDevice(device('speaking', { report, tags: ['all'], pins: { hello: 'x' }, createdAt: 1 }));
    await store.addDevice(device('waiting', { state: 'pending', createdAt: 0 }));
    const {
      publicKey: _key,
      certificate: _certificate,
      lastSeen: _seen,
      createdAt: _created,
      ...seen
    } = device('speaking', { report, tags: ['all'], pins: { hello: 'x' } });
    const listed = await store.listForRollout();
    assert.deepEqual(
      listed.map(({ id }) => id),
      ['speaking', 'silent'],
    );
    assert.deepEqual({ ...listed[0] }, { ...seen, apps: report.apps });
    assert.deepEqual([listed[1]?.report, listed[1]?.apps], [null, {}]);
    assert.deepEqual(
      (await store.getForRollout(['waiting', 'nobody'])).map(({ id, state }) => [id, state]),
      [['waiting', 'pending']],
    );
    await store.updateDevice('silent', { report: deviceReport({ apps: { other: app('2.0.0') } }) });
    await store.updateDevice('speaking', { report: deviceReport({ apps: {} }) });
    assert.deepEqual(
      (await store.listForRollout()).map(({ apps }) => Object.keys(apps)),
      [[], ['other']],
    );
    for (const [without] of [await store.listForRollout(false), await store.getForRollout(['speaking'], false)]) {
      assert.throws(() => without?.report, { code: 'INTERNAL' });
      assert.deepEqual(
        [without?.id, without?.tags, without?.pins, without?.apps],
        ['speaking', ['all'], { hello: 'x' }, {}],
      );
    }
  });

  test(`${name}: an update's time moves only when its status changes`, options, async (context) => {
    const store = await open(context);
    await store.addDevice(device('a'));
    assert.equal(await store.history.putUpdates('a', [update('fetching')], 10), true);
    assert.equal(await store.history.putUpdates('a', [update('fetching')], 20), false);
    assert.equal((await store.history.listUpdates('a', 9))[0]?.at, 10);
    await store.history.putUpdates('a', [update('confirmed')], 30);
    await store.history.putUpdates('a', [update('failed', 'apps/a/2.0.0/any.sqfs')], 25);
    assert.deepEqual(
      (await store.history.listUpdates('a', 9)).map(({ at, state }) => [at, state]),
      [
        [30, 'confirmed'],
        [25, 'failed'],
      ],
    );
    assert.equal((await store.history.latestUpdates()).get('a')?.state, 'confirmed');
    assert.equal((await store.history.latestUpdates(['a', 'z'])).get('a')?.state, 'confirmed');
    assert.equal((await store.history.latestUpdates(['z'])).size, 0);
  });

  test(`${name}: an event that is sent twice is kept once, newest first`, options, async (context) => {
    const store = await open(context);
    await store.addDevice(device('a'));
    const events = [{ at: 1, kind: 'boot', text: 'one' } as const, { at: 2, kind: 'app', text: 'two' } as const];
    await store.history.addEvents('a', events);
    await store.history.addEvents('a', events);
    assert.deepEqual(
      (await store.history.listEvents('a', 10)).map(({ text }) => text),
      ['two', 'one'],
    );
    assert.equal((await store.history.listEvents('a', 1)).length, 1);
  });

  test(
    `${name}: what apps are configured with is kept by place, and listed in the order in which it holds`,
    options,
    async (context) => {
      const store = await open(context);
      const set = (app: string, to: ConfigurationRecord['to'], values: ConfigurationRecord['values'], changedAt = 1) =>
        store.configurations.put({ app, to, values, changedAt });
      await set('sign', { device: 'a' }, { text: 'device' });
      await set('sign', { device: 'b' }, { text: 'other' });
      // Named as the other device, and yet a group.
      await set('sign', { group: 'b' }, { text: 'group b' });
      await set('sign', { group: 'a' }, { text: 'group a' });
      await set('sign', { fleet: true }, { text: 'fleet', list: [1, { x: null }] });
      await set('pump', { fleet: true }, { on: true });
      const texts = (records: ConfigurationRecord[]) =>
        records.map(({ app, values }) => [app, values.text ?? values.on]);
      const forA = [
        ['pump', true],
        ['sign', 'fleet'],
        ['sign', 'group a'],
        ['sign', 'group b'],
        ['sign', 'device'],
      ];
      assert.deepEqual(texts(await store.configurations.listFor('a')), forA);
      assert.deepEqual(texts(await store.configurations.list()), [...forA, ['sign', 'other']]);
      await set('sign', { fleet: true }, { text: 'new' }, 2);
      await set('pump', { fleet: true }, {});
      await store.configurations.removePlace({ group: 'b' });
      await store.configurations.removePlace({ device: 'a' });
      assert.deepEqual(await store.configurations.list(), [
        { app: 'sign', to: { fleet: true }, values: { text: 'new' }, changedAt: 2 },
        { app: 'sign', to: { group: 'a' }, values: { text: 'group a' }, changedAt: 1 },
        { app: 'sign', to: { device: 'b' }, values: { text: 'other' }, changedAt: 1 },
      ]);
    },
  );
}
