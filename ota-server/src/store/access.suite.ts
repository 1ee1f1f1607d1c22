import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestedStore } from '../testing/store-records.ts';

/** What a store must do with people, their ways in and the audit log. */
export function testAccess({ name, openServer, options }: TestedStore): void {
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
    await audit.append(['ada', 'bob', 'ada'].map((actor, index) => entry(index + 1, actor)));
    assert.deepEqual(await audit.list({ limit: 2 }), [entry(3, 'ada'), entry(2, 'bob')]);
    assert.deepEqual(await audit.list({ limit: 9, before: 3, actor: 'ada' }), [entry(1, 'ada')]);
    await assert.rejects(audit.append([entry(2, 'eve')]));
    assert.deepEqual(await server.fleet('north').audit.list({ limit: 9 }), []);
  });
}
