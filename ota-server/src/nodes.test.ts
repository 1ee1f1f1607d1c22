import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { runJudge } from './testing/judge.ts';
import { type ServerNode, startNode } from './testing/nodes.ts';
import { makePublisher } from './testing/publish.ts';
import { appTarget, makeTargets } from './testing/release-keys.ts';
import type { DeviceIdentity } from './testing/server-clients.ts';
import { enrolledAt, meanwhileHeld, severalServers, untilSeen as until } from './testing/several-servers.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

const { options, database, several } = await severalServers();

/** Events of a server as a browser sees them. */
async function watch(context: TestContext, node: ServerNode, headers: Record<string, string>) {
  const aborted = new AbortController();
  context.after(() => aborted.abort());
  const answer = await fetch(`${node.addresses.operator.url}/api/v1/events`, { headers, signal: aborted.signal });
  const seen = { text: '', ended: false };
  const read = async (): Promise<void> => {
    for await (const chunk of answer.body ?? []) seen.text += Buffer.from(chunk).toString();
  };
  read().then(
    () => {
      seen.ended = true;
    },
    () => {
      seen.ended = true;
    },
  );
  await until('the stream', () => seen.text.includes(': open'));
  return seen;
}

test('servers that start at once on nothing have the same authority, keys and token', options, async (context) => {
  const store = await database();
  const held = { name: 'keys', waiters: 3 };
  const { nodes, options: words } = await meanwhileHeld(context, store, held, () => several(context, 3, store));
  const [first, ...others] = await Promise.all(
    nodes.map(async (node) => (await node.operator('GET', '/api/v1/server')).json),
  );
  for (const other of others) assert.deepEqual([other.ca, other.onlineKeys], [first.ca, first.onlineKeys]);
  assert.equal(new Set(nodes.map(({ token }) => token)).size, 1);
  assert.deepEqual(
    (await readdir(join(words.dataDir, 'keys'))).filter((name) => name.endsWith('.part')),
    [],
  );
});

test('a server with a broker of its own stays alone', options, async (context) => {
  const store = await database();
  const alone = await startNode({ dataDir: await temporaryFolder(context), store });
  context.after(() => alone.kill());
  await assert.rejects(
    startNode({ dataDir: await temporaryFolder(context), store }),
    /another server uses the database[\s\S]*--broker/,
  );
  await alone.kill();
  const next = await startNode({ dataDir: await temporaryFolder(context), store });
  await next.stop();
});

test(
  'what happens at one server is seen at another, and a right that ends there ends here',
  options,
  async (context) => {
    const {
      nodes: [here, there],
    } = await several(context);
    const seen = await watch(context, there, { authorization: `Bearer ${there.token}` });
    const device = await enrolledAt(here)(['kiosk']);
    await until('the change', () => seen.text.includes(`{"topic":"devices","id":"${device.id}"}`));

    await here.operator('POST', '/api/v1/users', { name: 'ada', password: 'correct horse battery', role: 'viewer' });
    const login = await fetch(`${here.addresses.operator.url}/api/v1/session`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      body: JSON.stringify({ name: 'ada', password: 'correct horse battery' }),
    });
    const cookie = (login.headers.get('set-cookie') as string).split(';')[0] as string;
    const hers = await watch(context, there, { cookie });
    await fetch(`${here.addresses.operator.url}/api/v1/session`, { method: 'DELETE', headers: { cookie } });
    await until('the end of her stream', () => hers.ended);
    assert.equal(seen.ended, false);
  },
);

test('a device that is shut out at one server loses its connection to another', options, async (context) => {
  const {
    nodes: [here, there],
  } = await several(context);
  const device = await enrolledAt(here)();
  assert.equal((await there.device(device, 'GET', '/device/v1/desired')).status, 200);
  const waiting = await openRequest(there, device);
  await here.operator('POST', `/api/v1/devices/${device.id}/revoke`);
  await until('the end of its connection', () => waiting.socket?.destroyed);
  assert.equal((await there.device(device, 'GET', '/device/v1/desired')).status, 403);
});

test('a device that is gone from the database is refused on the connection that it has', options, async (context) => {
  const store = await database();
  const {
    nodes: [here],
  } = await several(context, 1, store);
  const device = await enrolledAt(here)();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  context.after(() => agent.destroy());
  const ask = async () => {
    const asked = request(`${here.addresses.device.url}/device/v1/desired`, {
      ...{ agent, ca: here.ca, key: device.keyPem, cert: device.certificate },
    }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    await once(answer.resume(), 'end');
    return { status: answer.statusCode, socket: asked.socket };
  };
  const first = await ask();
  assert.equal(first.status, 200);
  const gone = await runJudge(context, 'psql', ['-c', `delete from devices where id = '${device.id}'`, store]);
  assert.equal(gone?.output, 'DELETE 1\n');
  assert.deepEqual(await ask(), { status: 403, socket: first.socket });
});

/** A request that has reached the server and is not ended. */
async function openRequest(node: ServerNode, device: DeviceIdentity): Promise<ClientRequest> {
  const open = request(`${node.addresses.device.url}/device/v1/report`, {
    ...{ method: 'POST', ca: node.ca, agent: false, key: device.keyPem, cert: device.certificate },
    headers: { 'content-type': 'application/json', 'content-length': '1000', expect: '100-continue' },
  });
  open.on('error', () => undefined);
  open.flushHeaders();
  await once(open, 'continue');
  return open;
}

test(
  'of releases that are published at two servers at once one is taken, and every server lists it',
  options,
  async (context) => {
    const { nodes, options: words } = await several(context);
    const [here, there] = nodes;
    const publisher = await makePublisher(here);
    const first = await appTarget('hello', '1.0.0', 'one');
    await publisher.publish(first, 'one');
    assert.equal((await there.operator('GET', '/api/v1/releases')).json.releases.length, 1);
    const rivals = await Promise.all(['2.0.0', '3.0.0'].map((version) => appTarget('hello', version, version)));
    for (const [index, rival] of rivals.entries())
      await here.operator('PUT', `/api/v1/blobs/${rival.sha256}`, index === 0 ? '2.0.0' : '3.0.0');
    const held = { name: 'repository main', waiters: 2 };
    const answers = await meanwhileHeld(context, words.store, held, () =>
      Promise.all(
        rivals.map((rival, index) =>
          (nodes[index] as ServerNode).operator(
            'PUT',
            '/api/v1/tuf/targets',
            makeTargets(2, [first, rival], [publisher.key]),
          ),
        ),
      ),
    );
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
    const device = await enrolledAt(there)();
    const files = await Promise.all(nodes.map((node) => node.device(device, 'GET', '/tuf/timestamp.json')));
    assert.equal(files[0]?.text, files[1]?.text);
    const won = rivals[answers.findIndex(({ status }) => status === 200)]?.path as string;
    const { releases } = (await there.operator('GET', '/api/v1/releases')).json;
    assert.deepEqual(releases.map(({ target }: { target: string }) => target).sort(), [first.path, won].sort());
  },
);
