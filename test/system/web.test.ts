import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
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

const LIMIT_MS = 300_000;
const folder = await mkdtemp(join(tmpdir(), 'nodeos-test-web-'));
let emulator: Emulator | null = null;
after(async () => {
  await emulator?.stop();
  await rm(folder, { recursive: true });
});
let [proxy, forwarded] = [0, 0];
let device = '';

/** A device without a server, with one app that listens on its own loopback. */
before(async () => {
  const { files } = await build(['--app', join(import.meta.dirname, '../web/app'), '--out', folder]);
  [proxy, forwarded] = [await freePort(), await freePort()];
  const { emulate } = await loadBoard('x86_64-usb');
  assert.ok(emulate);
  const booted = await bootImage({
    ...{ emulate, image: files.image as string, folder, cacheRoot: sharedCache(), memoryMiB: 256 },
    forwards: [
      { host: proxy, guest: 80 },
      { host: forwarded, guest: 81 },
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
  assert.ok(index.text.includes(`<h1>${device}</h1><ul><li><a href="/porch/">porch</a>`), index.text);
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
