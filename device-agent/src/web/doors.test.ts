import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, connect, createServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import { connectOutside } from '../apps/app-network.ts';
import { freePort } from '../apps/node-apps.testing.ts';
import { createDoors } from './doors.ts';

/** Doors of which each line of the log and each trouble can be waited for. */
async function makeDoors(t: TestContext, options: object = {}) {
  const said: string[] = [];
  const waiting = new Set<() => void>();
  const say = (text: string) => {
    said.push(text);
    for (const each of waiting) each();
  };
  const manifests: Partial<AppManifest>[] = [];
  const ports = { http: await freePort(), https: null };
  const doors = createDoors({
    ...{ manifests: () => manifests as AppManifest[], deviceNames: () => ['pi'], certificate: null, ports },
    connect: (_app, port, how) => connectOutside(port, how),
    ...{
      log: say,
      onTrouble: say,
      onQuiet: () => say('quiet'),
      limits: { listenRetryMs: 20, quietMs: 20 },
      ...options,
    },
  });
  t.after(() => doors.close());
  const heard = async (pattern: RegExp) => {
    while (!said.some((text) => pattern.test(text)))
      await new Promise<void>((resolve) => {
        waiting.add(resolve);
      });
  };
  return { doors, manifests, ports, said, heard };
}

const app = (settings: Partial<AppManifest>): Partial<AppManifest> => ({
  ...{ name: 'porch', description: '', network: 'host', ports: [] },
  ...settings,
});
const isOpen = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.on('error', () => resolve(false));
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
async function listen(t: TestContext, server: ReturnType<typeof createServer>, port = 0): Promise<number> {
  await once(server.listen(port), 'listening');
  t.after(() => void server.close());
  return (server.address() as AddressInfo).port;
}

describe('createDoors', () => {
  it('opens the proxy for the first app that asks for it, and closes it after the last', async (t) => {
    const inside = await listen(
      t,
      createHttpServer((_, answer) => answer.end('here')),
    );
    const { doors, manifests, ports, heard } = await makeDoors(t);
    manifests.push(app({ ports: [inside] }));
    doors.update();
    assert.deepEqual([await isOpen(ports.http), doors.open().http], [false, null]);
    manifests[0] = app({ ports: [inside], web: true });
    doors.update();
    await heard(/is open: the apps/);
    assert.equal(doors.open().http, ports.http);
    const answer = await fetch(`http://127.0.0.1:${ports.http}/porch/`, { headers: { connection: 'close' } });
    assert.equal(await answer.text(), 'here');
    await heard(/^quiet$/);
    manifests.length = 0;
    doors.update();
    assert.equal(await isOpen(ports.http), false);
  });

  it('forwards a port in both directions, and each end of it by itself', async (t) => {
    const inside = await listen(
      t,
      createServer({ allowHalfOpen: true }, async (socket) => {
        const text = (await socket.toArray()).join('');
        socket.end(`got ${text}`);
      }),
    );
    const outside = await freePort();
    const { doors, manifests, heard } = await makeDoors(t);
    manifests.push(app({ ports: [inside], forward: { [outside]: inside } }));
    doors.update();
    await heard(/is open: port/);
    const socket = connect({ host: '127.0.0.1', port: outside, allowHalfOpen: true });
    socket.end('words');
    assert.equal((await socket.toArray()).join(''), 'got words');
    manifests.length = 0;
    doors.update();
    assert.equal(await isOpen(outside), false);
  });

  it('ends a connection to an app that is not there', async (t) => {
    const outside = await freePort();
    const { doors, manifests, heard } = await makeDoors(t);
    const nowhere = await freePort();
    manifests.push(app({ ports: [nowhere], forward: { [outside]: nowhere } }));
    doors.update();
    await heard(/is open/);
    const socket = connect({ host: '127.0.0.1', port: outside }).on('error', () => {});
    await once(socket, 'close');
  });

  it('says once that a port is taken, and has it when it is free', async (t) => {
    const other = createServer();
    const taken = await listen(t, other);
    const { doors, manifests, heard, said } = await makeDoors(t, { ports: { http: taken, https: null } });
    manifests.push(app({ ports: [1], web: true }));
    doors.update();
    doors.update();
    await heard(/^PORT_IN_USE: port \d+ of the device belongs to another program$/);
    other.close();
    await heard(/is open: the apps/);
    assert.equal(said.filter((text) => text.startsWith('PORT_IN_USE')).length, 1);
  });

  it('goes on without TLS where the certificate is none', async (t) => {
    const ports = { http: await freePort(), https: await freePort() };
    const certificate = { certificate: 'none', key: 'none' };
    const { doors, manifests, heard } = await makeDoors(t, { ports, certificate });
    manifests.push(app({ ports: [1], web: true }));
    doors.update();
    await heard(/^FLEET_FILE_INVALID: web.certificate and web.key: /);
    await heard(/is open: the apps/);
    assert.deepEqual(doors.open(), { http: ports.http, https: null });
  });
});
