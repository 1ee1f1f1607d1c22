import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import type { Emulator } from '@nodeos/firmware/emulate/qemu.ts';
import { WebSocket } from 'ws';
import { build, sharedCache } from '../support/build.ts';
import { fillDataPartition } from '../support/data-partition.ts';

const LIMIT_MS = 300_000;
const folder = await mkdtemp(join(tmpdir(), 'nodeos-test-web-'));
let emulator: Emulator | null = null;
after(async () => {
  await emulator?.stop();
  await rm(folder, { recursive: true });
});
let [proxy, forwarded, toAttic] = [0, 0, 0];
let device = '';

/** A user without a bundle that has a network of its own, in which it listens where the app listens in the device's. */
const ATTIC = { owner: 2000, grant: { network: 'none', ports: [8080], web: true, forward: { 82: 8080 } } } as const;

async function addAttic(image: string): Promise<void> {
  const grant = join(folder, 'attic.json');
  await writeFile(grant, JSON.stringify(ATTIC.grant));
  await fillDataPartition(image, [
    { path: '/users/attic', owner: ATTIC.owner, mode: 0o755 },
    { path: '/users/attic/init', owner: ATTIC.owner, mode: 0o755, file: join(import.meta.dirname, '../web/attic.cjs') },
    { path: '/users/.grants', owner: 0, mode: 0o700 },
    { path: '/users/.grants/attic.json', owner: 0, mode: 0o600, file: grant },
  ]);
}

/** A device without a server, with one app that listens on its own loopback, and such a user. */
before(async () => {
  const { files } = await build(['--app', join(import.meta.dirname, '../web/app'), '--out', folder]);
  await addAttic(files.image as string);
  [proxy, forwarded, toAttic] = [await freePort(), await freePort(), await freePort()];
  const { emulate } = await loadBoard('x86_64-usb');
  assert.ok(emulate);
  const booted = await bootImage({
    ...{ emulate, image: files.image as string, folder, cacheRoot: sharedCache(), memoryMiB: 256 },
    forwards: [
      { host: proxy, guest: 80 },
      { host: forwarded, guest: 81 },
      { host: toAttic, guest: 82 },
    ],
  });
  emulator = booted.emulator;
  const opened = emulator.console.expect(/port 80 is open: the apps/, LIMIT_MS, 'expected the proxy to listen');
  const named = emulator.console.expect(/this device is (\S+)\.local/, LIMIT_MS, 'expected the device to take a name');
  await opened;
  device = /this device is (\S+)\.local/.exec((await named).text)?.[1] ?? '';
});

async function ask(port: number, path: string, host?: string): Promise<{ status: number | undefined; text: string }> {
  const request = get({ host: '127.0.0.1', port, path, agent: false, ...(host && { headers: { host } }) });
  const [answer] = await once(request, 'response');
  return { status: answer.statusCode, text: (await answer.toArray()).join('') };
}

test('the device shows its apps, and leads to one by path and by host name', async () => {
  const index = await ask(proxy, '/');
  assert.equal(index.status, 200);
  assert.ok(index.text.includes(`<h1>${device}</h1><ul><li><a href="/attic/">attic</a>`), index.text);
  assert.ok(index.text.includes('<li><a href="/porch/">porch</a>'), index.text);
  const byPath = JSON.parse((await ask(proxy, '/porch/a?b')).text);
  assert.equal(byPath.url, '/a?b');
  assert.equal(byPath.told['x-forwarded-prefix'], '/porch');
  const byName = JSON.parse((await ask(proxy, '/porch/a', `porch.${device}.local`)).text);
  assert.equal(byName.url, '/porch/a');
  assert.equal(byName.told['x-forwarded-host'], `porch.${device}.local`);
  assert.equal((await ask(proxy, '/other/')).status, 404);
});

test('a WebSocket passes through', async () => {
  const socket = new WebSocket(`ws://127.0.0.1:${proxy}/porch/live`);
  const [text] = await once(socket, 'message');
  assert.equal(String(text), 'socket at /live');
  socket.terminate();
});

test('a forwarded port leads to the app itself, which listens on the loopback only', async () => {
  assert.deepEqual(JSON.parse((await ask(forwarded, '/porch/')).text), { url: '/porch/', told: {} });
});

test('a user with a network of its own is reached by proxy and forwarded port, and reaches nobody', async () => {
  for (const [port, path] of [
    [proxy, '/attic/'],
    [toAttic, '/'],
  ] as const) {
    const { interfaces, server } = JSON.parse((await ask(port, path)).text);
    assert.deepEqual([interfaces, server], [['lo'], 'ENETUNREACH'], path);
  }
});
