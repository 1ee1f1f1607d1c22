import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { NOTHING_DESIRED } from '../deployments/plan.ts';
import { assignment, deployment, device, type TestedStore, update } from '../testing/store-records.ts';
import { testAccess } from './access.suite.ts';
import { testDevices } from './devices.suite.ts';
import { testMetrics } from './metrics.suite.ts';
import { testProvisioning } from './provisioning.suite.ts';
import { testRollouts } from './rollouts.suite.ts';

/** What every implementation of Store must do. */
export function testStore(
  name: string,
  openServer: TestedStore['openServer'],
  options: TestedStore['options'] = {},
): void {
  const open = async (context: TestContext) => (await openServer(context)).fleet('main');
  const tested: TestedStore = { name, openServer, options };
  testDevices(tested);
  testMetrics(tested);
  testRollouts(tested);
  testAccess(tested);
  testProvisioning(tested);

  test(`${name}: work of a name is one server's in each interval`, options, async (context) => {
    const server = await openServer(context);
    const claimed = await Promise.all([1, 2, 3].map(() => server.claim('sweep', 10, 100)));
    assert.deepEqual(claimed.sort(), [false, false, true]);
    assert.equal(await server.claim('sweep', 10, 109), false);
    assert.equal(await server.claim('other', 10, 109), true);
    assert.deepEqual((await Promise.all([1, 2].map(() => server.claim('sweep', 10, 110)))).sort(), [false, true]);
  });

  test(`${name}: a delivery is one server's, and a state is announced once`, options, async (context) => {
    const server = await openServer(context);
    await server.addFleet({ id: 'north', name: 'North', createdAt: 2 });
    const { webhooks } = server.fleet('main');
    await webhooks.add({ id: 'w', url: 'https://example.org/', topics: ['device'], secret: 'whsec_', createdAt: 1 });
    const delivery = { id: 'd', webhook: 'w', type: 'test', state: 'waiting' as const, attempts: 0, status: null };
    await webhooks.addDelivery({ ...delivery, reason: null, createdAt: 1, nextAt: 5, body: '{}' });
    const taken = await Promise.all([1, 2, 3].map(() => webhooks.takeDelivery({ id: 'd', nextAt: 5 }, 100)));
    assert.deepEqual(taken.sort(), [false, false, true]);
    assert.equal((await webhooks.listWaiting(9))[0]?.nextAt, 100);

    const states = new Map(Array.from({ length: 1200 }, (_, index) => [`device ${index}`, 'active']));
    assert.equal((await webhooks.noteStates(states)).size, 1200);
    assert.equal((await webhooks.noteStates(states)).size, 0);
    assert.deepEqual([...(await webhooks.noteStates(new Map([...states, ['device 7', 'revoked']])))], ['device 7']);
    assert.equal((await server.fleet('north').webhooks.states()).size, 0);
    await server.fleet('north').webhooks.forgetStates();
    assert.equal((await webhooks.states()).get('device 7'), 'revoked');
    await webhooks.forgetStates();
    assert.equal((await webhooks.states()).size, 0);
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

  test(`${name}: a handle of one fleet neither sees nor changes what is another's`, options, async (context) => {
    const server = await openServer(context);
    await server.addFleet({ id: 'north', name: 'North', createdAt: 2 });
    const [main, north] = [server.fleet('main'), server.fleet('north')];
    const token = { token: 'mains', uses: null, used: 0, expiresAt: null, tags: [], autoApprove: true, createdAt: 1 };
    await main.addDevice(device('a', { tags: ['all'] }));
    await main.history.addEvents('a', [{ at: 1, kind: 'boot', text: 'one' }]);
    await main.history.putUpdates('a', [update('fetching')], 1);
    await main.claimTokens.add(token);
    await main.addBlob('f'.repeat(64));
    await main.rollouts.addDeployment(deployment('d1'));
    await main.rollouts.putAssignments([assignment('d1', 'a')]);
    const group = { name: 'mains', query: null, devices: ['a'], window: null, createdAt: 1 };
    await main.rollouts.putGroup(group);
    const contentOfMain = async () => [
      await main.listDevices(),
      await main.history.listEvents('a', 9),
      await main.history.listUpdates('a', 9),
      await main.claimTokens.list(),
      await main.rollouts.listDeployments(),
      await main.rollouts.listAssignments({}),
      await main.rollouts.listGroups(),
    ];
    const before = await contentOfMain();

    assert.equal(await north.getDevice('a'), null);
    assert.deepEqual(await north.listDevices(), []);
    assert.deepEqual(await north.listDevices({ tag: 'all', state: 'active' }), []);
    assert.deepEqual(await north.history.listEvents('a', 9), []);
    assert.deepEqual(await north.history.listUpdates('a', 9), []);
    assert.equal((await north.history.latestUpdates()).size, 0);
    assert.deepEqual(await north.claimTokens.list(), []);
    assert.equal(await north.claimTokens.take('mains', 1), null);
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
      () => north.history.addEvents('a', [{ at: 2, kind: 'boot', text: 'forged' }]),
      () => north.history.putUpdates('a', [update('failed')], 2),
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
}
