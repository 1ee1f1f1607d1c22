import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { device, type TestedStore } from '../testing/store-records.ts';

/** What a store must do with claim tokens, registrations and devices that left. */
export function testProvisioning({ name, openServer, options }: TestedStore): void {
  const open = async (context: TestContext) => (await openServer(context)).fleet('main');

  test(`${name}: a claim token is taken as often as it says, never after its end`, options, async (context) => {
    const store = await open(context);
    const token = { token: 'twice', uses: 2, used: 0, expiresAt: 100, tags: ['x'], autoApprove: true, createdAt: 1 };
    await store.claimTokens.add(token);
    const taken = await Promise.all([1, 2, 3].map(() => store.claimTokens.take('twice', 50)));
    assert.deepEqual(taken.map((one) => one?.used).sort(), [1, 2, undefined]);
    await store.claimTokens.add({ ...token, token: 'endless', uses: null });
    assert.notEqual(await store.claimTokens.take('endless', 99), null);
    assert.equal(await store.claimTokens.take('endless', 100), null);
    assert.equal(await store.claimTokens.take('unknown', 1), null);
    assert.equal((await store.claimTokens.list()).length, 2);
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
      await store.history.addEvents('a', [{ at: 1, kind: 'boot', text: 'one' }]);
      await provisioning.addRemovedDevice('a', 1);
      await provisioning.addRemovedDevice('a', 2);
      await store.removeDevice('a');
      assert.deepEqual([await store.getDevice('a'), await store.history.listEvents('a', 9)], [null, []]);
      assert.deepEqual(
        [await provisioning.isRemovedDevice('a'), await provisioning.isRemovedDevice('b')],
        [true, false],
      );
      assert.equal(await server.fleet('north').provisioning.isRemovedDevice('a'), false);

      const approveOnly = { boards: ['pc'], networks: [], registered: true };
      const token = { token: 'rules', uses: null, used: 0, expiresAt: null, tags: [], autoApprove: true, createdAt: 1 };
      await store.claimTokens.add({ ...token, approveOnly });
      assert.deepEqual(await store.claimTokens.list(), [{ ...token, approveOnly }]);
      await store.claimTokens.remove('rules');
      assert.deepEqual(await store.claimTokens.list(), []);
    },
  );
}
