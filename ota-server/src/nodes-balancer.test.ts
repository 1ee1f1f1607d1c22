import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ServerNode } from './testing/nodes.ts';
import { answers, freePort, missing } from './testing/ports.ts';
import { claimTokenOf, deviceOf, enrolledDeviceOf, operatorOf } from './testing/server-clients.ts';
import { severalServers, untilSeen as until } from './testing/several-servers.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

const PROGRAM = '/usr/sbin/haproxy';
const OPERATIONS = new URL('../../docs/operations.md', import.meta.url);
const { options, several } = await severalServers();

/** The balancer that the documentation tells of, with the ports of these servers. */
async function configurationFor(nodes: readonly ServerNode[], devices: number, people: number): Promise<string> {
  const written = /```\n(defaults\n[^`]*)```/.exec(await readFile(OPERATIONS, 'utf8'))?.[1] ?? '';
  const portOf = (url: string): string => new URL(url).port;
  const servers = (port: (node: ServerNode) => string): string =>
    nodes
      .map((node, index) => `server node${index} 127.0.0.1:${port(node)} port ${portOf(node.addresses.operator.url)}`)
      .join('\n  ');
  const changes: readonly (readonly [string, string])[] = [
    ['bind :8443', `bind 127.0.0.1:${devices}`],
    ['bind :8080', `bind 127.0.0.1:${people}`],
    ['default-server check port 8080 resolvers names init-addr none', 'default-server check inter 100ms'],
    ['server-template node 2 server:8443', servers(({ addresses }) => portOf(addresses.device.url))],
    ['server-template node 2 server:8080', servers(({ addresses }) => portOf(addresses.operator.url))],
  ];
  return changes.reduce((text, [from, to]) => {
    assert.ok(text.includes(from), `${from} is not in the documentation`);
    return text.replace(from, to);
  }, written);
}

async function startBalancer(context: TestContext, nodes: readonly ServerNode[]) {
  const [devices, people] = [await freePort(), await freePort()];
  const file = join(await temporaryFolder(context), 'haproxy.cfg');
  await writeFile(file, await configurationFor(nodes, devices, people));
  const words = ['--pdeathsig=SIGKILL', '--', PROGRAM, '-db', '-f', file];
  const child: ChildProcess = spawn('setpriv', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  context.after(() => child.kill());
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  await until('the balancer', () => answers(devices, child, () => log));
  return { devices: `https://127.0.0.1:${devices}`, people: `http://127.0.0.1:${people}`, log: () => log };
}

const prepared = { ...missing(PROGRAM, 'haproxy'), ...options };

test(
  'behind the documented balancer devices and people reach a server as long as one is there',
  prepared,
  async (context) => {
    const {
      nodes: [first, second],
    } = await several(context);
    const { devices, people, log } = await startBalancer(context, [first, second]);
    const operator = operatorOf(people, first.token);
    const device = deviceOf(devices, first.ca);
    const identity = await enrolledDeviceOf(device, claimTokenOf(operator))();
    const askAll = async (): Promise<number[]> => {
      const asked = [];
      for (let turn = 0; turn < 6; turn++) asked.push((await device(identity, 'GET', '/device/v1/desired')).status);
      return asked;
    };
    assert.deepEqual(await askAll(), Array(6).fill(200));
    const stranger = await device(null, 'GET', '/device/v1/desired');
    assert.equal(stranger.status, 401, 'who has no certificate is nobody behind a balancer too');

    await first.kill();
    assert.deepEqual(await askAll(), Array(6).fill(200), 'a device does not meet the server that is gone');
    for (const surface of ['devices', 'people'])
      await until(`word of it to ${surface}`, () => log().includes(`${surface}/node0 is DOWN`));
    assert.doesNotMatch(log(), /node1 is DOWN/);
    await until('people at the other server', async () => (await operator('GET', '/api/v1/devices')).status === 200);
    assert.equal((await second.operator('GET', `/api/v1/devices/${identity.id}`)).json.state, 'active');
  },
);
