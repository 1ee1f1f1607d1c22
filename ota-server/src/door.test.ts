import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls, createServer } from 'node:tls';
import { openAuthority } from './authority.ts';
import { DesiredNews } from './broker/desired-news.ts';
import { Door } from './door.ts';
import { openConnections } from './testing/open-connections.ts';
import { makePublisher } from './testing/publish.ts';
import { appTarget } from './testing/release-keys.ts';
import { runServer } from './testing/running-server.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';
import { until } from './testing/until.ts';

const LONG_MS = 600_000;

async function serverBehind(context: TestContext, door: Door) {
  const authority = await openAuthority(await temporaryFolder(context));
  const server = createServer(await authority.serverCertificate(['127.0.0.1']), (socket) => socket.end('in'));
  door.guard(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  /** Greets the server at once, and says what it answers once it does. */
  const visit = (): (() => Promise<string>) => {
    const socket = connectTls({ port, host: '127.0.0.1', ca: authority.certificate });
    context.after(() => socket.destroy());
    let said = '';
    socket.setEncoding('utf8').on('data', (text) => {
      said += text;
    });
    return () => until('an answer', () => said || null);
  };
  return { server, port, visit };
}

/** Long enough for a handshake that has begun to show itself. */
async function manyTurns(): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test('who comes while the door is shut is let in when it opens, and not before', async (context) => {
  const door = new Door(LONG_MS);
  const { server, visit } = await serverBehind(context, door);
  const [first, second] = [door.shut(), door.shut()];
  let shaken = false;
  server.once('secureConnection', () => {
    shaken = true;
  });
  const visitors = [visit(), visit()];
  await until('both are outside', async () => (await openConnections(server)) === 2);
  first();
  first();
  await manyTurns();
  assert.equal(shaken, false, 'the other still keeps it shut');
  second();
  assert.deepEqual(await Promise.all(visitors.map((answer) => answer())), ['in', 'in']);
  assert.equal(await visit()(), 'in');
});

test('the door opens by itself where what comes first does not end', async (context) => {
  const door = new Door(50);
  const { visit } = await serverBehind(context, door);
  door.shut();
  assert.equal(await visit()(), 'in');
});

test('who goes away outside harms nobody', async (context) => {
  const door = new Door(LONG_MS);
  const { server, port, visit } = await serverBehind(context, door);
  const openIt = door.shut();
  const gone = connect(port, '127.0.0.1');
  context.after(() => gone.destroy());
  await once(gone, 'connect');
  const stays = visit();
  await until('both are outside', async () => (await openConnections(server)) === 2);
  gone.resetAndDestroy();
  await until('one is left', async () => (await openConnections(server)) === 1);
  openIt();
  assert.equal(await stays(), 'in');
});

test('a device that comes while others are told of a deployment is answered after it', async (context) => {
  const running = await runServer(context);
  const device = await running.enrolledDevice(['kiosk']);
  const target = await appTarget('hello', '1.0.0', 'the bundle');
  await (await makePublisher(running)).publish(target, 'the bundle');
  const [telling, heard] = [Promise.withResolvers<void>(), Promise.withResolvers<string[]>()];
  context.mock.method(DesiredNews.prototype, 'tell', () => {
    telling.resolve();
    return heard.promise;
  });
  const created = running.operator('POST', '/api/v1/deployments', { target: target.path, to: { tag: 'kiosk' } });
  await telling.promise;
  const outside = once(running.server.deviceApp.server, 'connection');
  let isAnswered = false;
  const answer = running.device(device, 'GET', '/device/v1/desired').then(({ json }) => {
    isAnswered = true;
    return json;
  });
  try {
    await outside;
    await manyTurns();
    assert.equal(isAnswered, false);
  } finally {
    heard.resolve([device.id]);
  }
  assert.equal((await answer).apps.hello.version, '1.0.0');
  assert.equal((await created).json.devices[0].state, 'told');
});
