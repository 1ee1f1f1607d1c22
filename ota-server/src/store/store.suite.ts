import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { DesiredState } from '@nodeos/contracts/desired-state.ts';
import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import { PLAIN_ROLLOUT } from '@nodeos/contracts/rollout.ts';
import { NOTHING_DESIRED } from '../deployments/plan.ts';
import { appManifest } from '../testing/release-keys.ts';
import type { Assignment } from './rollouts.ts';
import type { DeviceRecord, ReleaseRecord, ServerStore } from './store.ts';

const device = (id: string, change: Partial<DeviceRecord> = {}): DeviceRecord => ({
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
const update = (state: UpdateStatus['state'], target = 'apps/a/1.0.0/any.sqfs'): UpdateStatus => ({
  lane: 'app',
  name: 'a',
  version: '1.0.0',
  target,
  deployment: 'd1',
  state,
  percent: null,
  reason: null,
});
const deployment = (id: string) =>
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

const assignment = (of: string, on: string): Assignment => ({
  ...{ deployment: of, device: on, state: 'waiting', percent: null, reason: null, generation: 4, wave: 0 },
  ...{ attempts: 1, notBefore: null, since: 5, releasedAt: 5, previous: null },
});

/** What every implementation of Store must do. */
export function testStore(
  name: string,
  openServer: (context: TestContext) => Promise<ServerStore>,
  options: { readonly skip?: string } = {},
): void {
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
      await store.updateDevice('a', { lastSeen: 9, desired: { ...NOTHING_DESIRED, generation: 3 } });
      assert.deepEqual(await store.getDevice('a'), {
        ...device('a', { tags: ['all', 'with "quotes"'], lastSeen: 9 }),
        desired: { ...NOTHING_DESIRED, generation: 3 },
      });
      await assert.rejects(store.addDevice(device('a')));
    },
  );

  test(`${name}: a claim token is taken as often as it says, never after its end`, options, async (context) => {
    const store = await open(context);
    const token = { token: 'twice', uses: 2, used: 0, expiresAt: 100, tags: ['x'], autoApprove: true, createdAt: 1 };
    await store.addClaimToken(token);
    const taken = await Promise.all([1, 2, 3].map(() => store.takeClaimToken('twice', 50)));
    assert.deepEqual(taken.map((one) => one?.used).sort(), [1, 2, undefined]);
    await store.addClaimToken({ ...token, token: 'endless', uses: null });
    assert.notEqual(await store.takeClaimToken('endless', 99), null);
    assert.equal(await store.takeClaimToken('endless', 100), null);
    assert.equal(await store.takeClaimToken('unknown', 1), null);
    assert.equal((await store.listClaimTokens()).length, 2);
  });

  test(`${name}: a transaction that fails leaves nothing, and others do not slip into it`, options, async (context) => {
    const store = await open(context);
    const failing = store.transaction(async (inside) => {
      await inside.addDevice(device('a'));
      throw new Error('on purpose');
    });
    const beside = store.addDevice(device('b'));
    await assert.rejects(failing, /on purpose/);
    await beside;
    assert.equal(await store.getDevice('a'), null);
    assert.notEqual(await store.getDevice('b'), null);
  });

  test(`${name}: an update's time moves only when its status changes`, options, async (context) => {
    const store = await open(context);
    await store.addDevice(device('a'));
    assert.equal(await store.putUpdates('a', [update('fetching')], 10), true);
    assert.equal(await store.putUpdates('a', [update('fetching')], 20), false);
    assert.equal((await store.listUpdates('a', 9))[0]?.at, 10);
    await store.putUpdates('a', [update('confirmed')], 30);
    await store.putUpdates('a', [update('failed', 'apps/a/2.0.0/any.sqfs')], 25);
    assert.deepEqual(
      (await store.listUpdates('a', 9)).map(({ at, state }) => [at, state]),
      [
        [30, 'confirmed'],
        [25, 'failed'],
      ],
    );
    assert.equal((await store.latestUpdates()).get('a')?.state, 'confirmed');
  });

  test(`${name}: an event that is sent twice is kept once, newest first`, options, async (context) => {
    const store = await open(context);
    await store.addDevice(device('a'));
    const events = [{ at: 1, kind: 'boot', text: 'one' } as const, { at: 2, kind: 'app', text: 'two' } as const];
    await store.addEvents('a', events);
    await store.addEvents('a', events);
    assert.deepEqual(
      (await store.listEvents('a', 10)).map(({ text }) => text),
      ['two', 'one'],
    );
    assert.equal((await store.listEvents('a', 1)).length, 1);
  });

  test(`${name}: releases, deployments and assignments`, options, async (context) => {
    const store = await open(context);
    const release: ReleaseRecord = {
      target: 'apps/a/1.0.0/any.sqfs',
      kind: 'app',
      name: 'a',
      version: '1.0.0',
      bytes: 3_000_000_000,
      sha256: 'f'.repeat(64),
      publishedAt: 1,
      custom: { kind: 'app', app: appManifest('a', '1.0.0'), notes: '' },
      listed: true,
    };
    await store.putRelease(release);
    await store.putRelease({ ...release, listed: false });
    assert.deepEqual(await store.listReleases(), [{ ...release, listed: false }]);
    await store.addDevice(device('a'));
    const { rollouts } = store;
    const first = await rollouts.addDeployment(deployment('d1'));
    const second = await rollouts.addDeployment(deployment('d2'));
    assert.ok(second.sequence > first.sequence);
    assert.deepEqual(
      (await rollouts.listDeployments()).map(({ id }) => id),
      ['d2', 'd1'],
    );
    const working = { ...assignment('d1', 'a'), percent: 12.5, previous: { version: '0.9.0', target: null } };
    await rollouts.putAssignments([working]);
    assert.deepEqual(await rollouts.listAssignments({ deployment: 'd1' }), [working]);
    await rollouts.putAssignments([{ ...working, state: 'failed', reason: 'why' }, assignment('d2', 'a')]);
    const rows = await rollouts.listAssignments({ devices: ['a', 'b'] });
    assert.deepEqual(
      rows.map(({ deployment, reason }) => [deployment, reason]),
      [
        ['d1', 'why'],
        ['d2', null],
      ],
    );
    await rollouts.updateDeployment('d1', { state: 'halted', reason: 'too many', endedAt: 7 });
    await rollouts.updateDeployment('d1', { wave: 1, approvedWave: 1 });
    const changed = { state: 'halted', reason: 'too many', endedAt: 7, wave: 1, approvedWave: 1 };
    assert.deepEqual(await rollouts.getDeployment('d1'), { ...first, ...changed });
  });

  test(
    `${name}: only those that wait are told, and desired states of many devices are written at once`,
    options,
    async (context) => {
      const store = await open(context);
      const { rollouts } = store;
      const ids = Array.from({ length: 1200 }, (_, index) => `device${index}`);
      for (const id of ids) await store.addDevice(device(id));
      await rollouts.addDeployment(deployment('d1'));
      await rollouts.addDeployment(deployment('d2'));
      await rollouts.putAssignments(ids.map((id) => ({ ...assignment('d1', id), state: 'waiting' as const })));
      await rollouts.putAssignments([{ ...assignment('d2', 'device0'), state: 'planned' }]);
      assert.deepEqual(await rollouts.markTold(ids.slice(0, 1100), 9), ['d1']);
      assert.deepEqual(await rollouts.markTold(ids.slice(0, 1100), 10), []);
      const states = (await rollouts.listAssignments({})).map(({ state, since }) => `${state} ${since}`);
      const counts = ['told 9', 'waiting 5', 'planned 5'].map((one) => states.filter((state) => state === one).length);
      assert.deepEqual(counts, [1100, 100, 1]);
      const wanted = ids.map((id, index): [string, DesiredState] => [
        id,
        { ...NOTHING_DESIRED, generation: index, removeApps: ['"a"'] },
      ]);
      await rollouts.setDesired(new Map(wanted.slice(1)));
      const devices = new Map((await store.getDevices(ids)).map((one) => [one.id, one.desired]));
      assert.deepEqual(devices.get('device0'), NOTHING_DESIRED);
      for (const [id, desired] of wanted.slice(1)) assert.deepEqual(devices.get(id), desired);
    },
  );

  test(`${name}: groups are made, changed and removed`, options, async (context) => {
    const { rollouts } = await open(context);
    const window = { days: ['sat' as const], from: '22:00', to: '02:00' };
    const group = { name: 'kiosks', query: 'tag:kiosk', devices: ['a'], window, createdAt: 1 };
    await rollouts.putGroup({ ...group, window: null });
    await rollouts.putGroup(group);
    assert.deepEqual(await rollouts.listGroups(), [group]);
    assert.deepEqual(await rollouts.getGroup('kiosks'), group);
    await rollouts.removeGroup('kiosks');
    assert.equal(await rollouts.getGroup('kiosks'), null);
  });

  test(`${name}: a handle of one fleet neither sees nor changes what is another's`, options, async (context) => {
    const server = await openServer(context);
    await server.addFleet({ id: 'north', name: 'North', createdAt: 2 });
    const [main, north] = [server.fleet('main'), server.fleet('north')];
    const token = { token: 'mains', uses: null, used: 0, expiresAt: null, tags: [], autoApprove: true, createdAt: 1 };
    await main.addDevice(device('a', { tags: ['all'] }));
    await main.addEvents('a', [{ at: 1, kind: 'boot', text: 'one' }]);
    await main.putUpdates('a', [update('fetching')], 1);
    await main.addClaimToken(token);
    await main.addBlob('f'.repeat(64));
    await main.rollouts.addDeployment(deployment('d1'));
    await main.rollouts.putAssignments([assignment('d1', 'a')]);
    const group = { name: 'mains', query: null, devices: ['a'], window: null, createdAt: 1 };
    await main.rollouts.putGroup(group);
    const contentOfMain = async () => [
      await main.listDevices(),
      await main.listEvents('a', 9),
      await main.listUpdates('a', 9),
      await main.listClaimTokens(),
      await main.rollouts.listDeployments(),
      await main.rollouts.listAssignments({}),
      await main.rollouts.listGroups(),
    ];
    const before = await contentOfMain();

    assert.equal(await north.getDevice('a'), null);
    assert.deepEqual(await north.listDevices(), []);
    assert.deepEqual(await north.listDevices({ tag: 'all', state: 'active' }), []);
    assert.deepEqual(await north.listEvents('a', 9), []);
    assert.deepEqual(await north.listUpdates('a', 9), []);
    assert.equal((await north.latestUpdates()).size, 0);
    assert.deepEqual(await north.listClaimTokens(), []);
    assert.equal(await north.takeClaimToken('mains', 1), null);
    assert.equal(await north.hasBlob('f'.repeat(64)), false);
    assert.deepEqual(await north.getDevices(['a']), []);
    assert.equal(await north.rollouts.getDeployment('d1'), null);
    assert.deepEqual(await north.rollouts.listDeployments(), []);
    assert.deepEqual(await north.rollouts.listAssignments({ devices: ['a'] }), []);
    assert.deepEqual(await north.rollouts.listGroups(), []);
    assert.deepEqual(await north.rollouts.markTold(['a'], 9), []);
    await north.rollouts.setDesired(new Map([['a', { ...NOTHING_DESIRED, generation: 9 }]]));
    await north.rollouts.putGroup({ ...group, devices: [] });
    await north.rollouts.removeGroup('mains');
    await north.updateDevice('a', { state: 'revoked', tags: [] });
    await north.rollouts.updateDeployment('d1', { state: 'aborted', endedAt: 1 });
    await north.transaction((inside) => inside.updateDevice('a', { serial: 'taken' }));
    for (const write of [
      () => north.addDevice(device('a')),
      () => north.addEvents('a', [{ at: 2, kind: 'boot', text: 'forged' }]),
      () => north.putUpdates('a', [update('failed')], 2),
      () => north.rollouts.putAssignments([{ ...assignment('d1', 'a'), state: 'failed' }]),
    ])
      await assert.rejects(write());
    assert.deepEqual(await contentOfMain(), before);
    assert.equal(await server.fleetOfDevice('a'), 'main');
    assert.equal(await server.fleetOfClaimToken('mains'), 'main');
    assert.deepEqual(
      (await server.listFleets()).map(({ id }) => id),
      ['main', 'north'],
    );
  });

  test(`${name}: a session ends at its time, by logout, and with its user`, options, async (context) => {
    const { accounts } = await openServer(context);
    await accounts.addUser({ name: 'ada', password: 'hash', server: false, createdAt: 1 });
    const session = { hash: 'one', user: 'ada', fleet: 'main', address: '::1', createdAt: 1, expiresAt: 100 };
    await accounts.addSession(session);
    await accounts.addSession({ ...session, hash: 'two', user: null });
    assert.deepEqual(await accounts.getSession('one', 99), session);
    assert.equal(await accounts.getSession('one', 100), null);
    await accounts.setSessionFleet('one', 'north');
    assert.deepEqual(
      (await accounts.listSessions('ada', 1)).map(({ hash, fleet }) => [hash, fleet]),
      [['one', 'north']],
    );
    assert.equal((await accounts.listSessions(null, 1)).length, 1);
    await accounts.removeSession('two');
    assert.equal(await accounts.getSession('two', 1), null);
    await accounts.removeUser('ada');
    assert.equal(await accounts.getSession('one', 1), null);
  });

  test(`${name}: members and API tokens belong to one fleet`, options, async (context) => {
    const server = await openServer(context);
    const { accounts } = server;
    await server.addFleet({ id: 'north', name: 'North', createdAt: 2 });
    const [main, north] = [server.fleet('main').people, server.fleet('north').people];
    assert.equal(await accounts.hasUsers(), false);
    await accounts.addUser({ name: 'ada', password: 'hash', server: true, createdAt: 1 });
    await assert.rejects(accounts.addUser({ name: 'ada', password: 'other', server: false, createdAt: 2 }));
    await main.setMember('ada', 'viewer');
    await main.setMember('ada', 'admin');
    assert.deepEqual(await main.listMembers(), [{ user: 'ada', role: 'admin', server: true, createdAt: 1 }]);
    assert.deepEqual([await north.listMembers(), await north.getMember('ada')], [[], null]);
    await north.removeMember('ada');
    assert.deepEqual(await accounts.memberships('ada'), [{ fleet: 'main', role: 'admin' }]);
    await assert.rejects(north.setMember('nobody', 'viewer'));

    const token = { id: 't1', hash: 'h1', name: 'ci', user: 'ada', scopes: ['read' as const], createdAt: 1 };
    await main.addApiToken({ ...token, expiresAt: 100, lastUsed: null });
    await accounts.apiTokenUsed('t1', 7);
    assert.deepEqual(await accounts.findApiToken('h1', 99), { ...token, expiresAt: 100, lastUsed: 7, fleet: 'main' });
    assert.equal(await accounts.findApiToken('h1', 100), null);
    assert.deepEqual(await north.listApiTokens(), []);
    await north.removeApiToken('t1');
    assert.equal((await main.listApiTokens()).length, 1);
    await accounts.removeUser('ada');
    assert.deepEqual([await main.listApiTokens(), await main.listMembers()], [[], []]);
  });

  test(`${name}: the audit log of a fleet is read newest first, and takes nothing back`, options, async (context) => {
    const server = await openServer(context);
    await server.addFleet({ id: 'north', name: 'North', createdAt: 2 });
    const { audit } = server.fleet('main');
    const entry = (sequence: number, actor: string) => ({
      ...{ sequence, actor, at: 5, address: '::1', action: 'POST /x', target: '/x', outcome: 'accepted' as const },
      ...{ details: '{}', previous: '0'.repeat(64), hash: String(sequence).repeat(64) },
    });
    for (const [index, actor] of ['ada', 'bob', 'ada'].entries()) await audit.append(entry(index + 1, actor));
    assert.deepEqual(await audit.list({ limit: 2 }), [entry(3, 'ada'), entry(2, 'bob')]);
    assert.deepEqual(await audit.list({ limit: 9, before: 3, actor: 'ada' }), [entry(1, 'ada')]);
    await assert.rejects(audit.append(entry(2, 'eve')));
    assert.deepEqual(await server.fleet('north').audit.list({ limit: 9 }), []);
  });

  test(
    `${name}: registrations keep their device, hardware leads to other devices, what was removed stays out`,
    options,
    async (context) => {
      const server = await openServer(context);
      await server.addFleet({ id: 'north', name: 'North', createdAt: 2 });
      const store = server.fleet('main');
      const { provisioning } = store;
      const registration = { serial: 'S-1', tags: ['kiosk'], approve: true, createdAt: 5 };
      assert.equal(await provisioning.putRegistration(registration), true);
      await provisioning.setRegistrationDevice('S-1', 'a');
      assert.equal(await provisioning.putRegistration({ ...registration, tags: ['lobby'], createdAt: 9 }), false);
      assert.deepEqual(await provisioning.listRegistrations(), [{ ...registration, tags: ['lobby'], device: 'a' }]);
      assert.equal(await server.fleet('north').provisioning.getRegistration('S-1'), null);
      await provisioning.removeRegistration('S-1');
      assert.equal(await provisioning.getRegistration('S-1'), null);

      for (const id of ['a', 'b', 'c']) await store.addDevice(device(id, { serial: 'same' }));
      await store.updateDevice('c', { state: 'revoked' });
      assert.deepEqual((await store.findBySerial('same')).sort(), ['a', 'b']);
      assert.deepEqual(await provisioning.noteHardware('a', ['m1', 'm2', 'm1']), []);
      assert.deepEqual(await provisioning.noteHardware('b', ['m2']), [{ mac: 'm2', device: 'a' }]);
      assert.deepEqual(await provisioning.noteHardware('a', ['m1']), []);
      await store.addEvents('a', [{ at: 1, kind: 'boot', text: 'one' }]);
      await provisioning.addRemovedDevice('a', 1);
      await provisioning.addRemovedDevice('a', 2);
      await store.removeDevice('a');
      assert.deepEqual([await store.getDevice('a'), await store.listEvents('a', 9)], [null, []]);
      assert.deepEqual(
        [await provisioning.isRemovedDevice('a'), await provisioning.isRemovedDevice('b')],
        [true, false],
      );
      assert.equal(await server.fleet('north').provisioning.isRemovedDevice('a'), false);

      const approveOnly = { boards: ['pc'], networks: [], registered: true };
      const token = { token: 'rules', uses: null, used: 0, expiresAt: null, tags: [], autoApprove: true, createdAt: 1 };
      await store.addClaimToken({ ...token, approveOnly });
      assert.deepEqual(await store.listClaimTokens(), [{ ...token, approveOnly }]);
      await store.removeClaimToken('rules');
      assert.deepEqual(await store.listClaimTokens(), []);
    },
  );
}
