import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, createServer } from 'node:tls';
import { openAuthority } from './authority.ts';
import { Handshakes, limitHandshakes } from './handshake-limit.ts';
import { SERVER_LIMITS } from './limits.ts';
import { openConnections } from './testing/open-connections.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';
import { until } from './testing/until.ts';

test('so many handshakes at once; one that ended, or takes long, leaves its place', () => {
  const handshakes = new Handshakes(3, 5_000);
  for (const now of [0, 1_000, 2_000]) {
    assert.equal(handshakes.isFull(now), false);
    handshakes.begin(now);
  }
  assert.equal(handshakes.isFull(2_000), true);
  handshakes.end();
  assert.equal(handshakes.isFull(2_000), false);
  handshakes.begin(2_000);
  assert.equal(handshakes.isFull(6_000), true);
  assert.equal(handshakes.isFull(6_001), false);
});

async function limitedServer(context: TestContext) {
  const authority = await openAuthority(await temporaryFolder(context));
  const server = createServer(await authority.serverCertificate(['127.0.0.1']), (socket) => socket.end('in'));
  limitHandshakes(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const silent: Socket[] = [];
  context.after(() => {
    for (const socket of silent) socket.destroy();
    server.close();
  });
  /** Clients that connect and say nothing. */
  const keepBusy = async (count: number): Promise<void> => {
    const before = silent.length;
    for (let client = 0; client < count; client++) silent.push(connect(port, '127.0.0.1').on('error', () => {}));
    await Promise.all(silent.slice(before).map((socket) => once(socket, 'connect')));
  };
  const ask = async (): Promise<string> => {
    const socket = connectTls({ port, host: '127.0.0.1', ca: authority.certificate });
    const said = await socket
      .setEncoding('utf8')
      .toArray()
      .catch((error: NodeJS.ErrnoException) => [error.code]);
    return said.join('') === 'in' ? 'in' : 'turned away';
  };
  return { server, silent, keepBusy, ask };
}

test('one client more than may begin at once is turned away at once, and let in when there is room', async (context) => {
  const { server, silent, keepBusy, ask } = await limitedServer(context);
  await keepBusy(SERVER_LIMITS.handshakesAtOnce - 1);
  assert.equal(await ask(), 'in');
  await keepBusy(1);
  await until('the server has them all', async () => (await openConnections(server)) >= SERVER_LIMITS.handshakesAtOnce);
  assert.equal(await ask(), 'turned away');
  silent[0]?.destroy();
  await until('a place', async () => (await ask()) === 'in');
});

test('clients that say nothing keep nobody out for long', async (context) => {
  const { server, keepBusy, ask } = await limitedServer(context);
  await keepBusy(SERVER_LIMITS.handshakesAtOnce);
  await until('the server has them all', async () => (await openConnections(server)) >= SERVER_LIMITS.handshakesAtOnce);
  assert.equal(await ask(), 'turned away');
  await until('a place', async () => (await ask()) === 'in');
});
