import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { readActiveApps } from './active-apps.ts';
import { backoffDelay, retryForever } from './backoff.ts';
import { readBootFacts, readSlotManifest } from './boot-facts.ts';
import { renderScreen } from './console-screen.ts';
import { createEventQueue } from './event-queue.ts';
import { readFleetFile } from './fleet-file.ts';
import { openInitChannel } from './init-channel.ts';
import { readMemory, uptimeMs } from './report.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'nodeos-agent-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test('waiting times grow to their cap and are never more than half random', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.double({ min: 0, max: 1, noNaN: true }), (failures, random) => {
      const full = Math.min(8_000, 100 * 2 ** Math.min(failures - 1, 30));
      const waitMs = backoffDelay(failures, { baseMs: 100, capMs: 8_000 }, () => random);
      assert.ok(waitMs >= Math.floor(full / 2) && waitMs <= full);
    }),
  );
});

test('what fails is tried until it succeeds', async () => {
  let calls = 0;
  const seen: number[] = [];
  const result = await retryForever(
    async () => {
      if (++calls < 4) throw new Error('not yet');
      return calls;
    },
    { baseMs: 1, capMs: 2 },
    (_error, _nextMs, failures) => seen.push(failures),
  );
  assert.deepEqual([result, seen], [4, [1, 2, 3]]);
});

test('active apps are read without the schemas; a torn state gives way to its copy', async (t) => {
  const path = await folder(t);
  const app = { manifest: { name: 'hello', start: ['node', 'a.js'] }, sha256: 'ab', target: 't', deployment: null };
  const gone = { ...app, sha256: 'cd' };
  const text = JSON.stringify({ format: 1, apps: { hello: app, gone, odd: { sha256: 5 } } });
  assert.deepEqual(readActiveApps(path), []);
  await writeFile(join(path, 'state.json'), text.slice(0, 20));
  assert.deepEqual(readActiveApps(path), []);
  await writeFile(join(path, 'state.json.bak'), text);
  assert.deepEqual(readActiveApps(path), [], 'no bundle, no start');
  await mkdir(join(path, 'bundles'));
  await writeFile(join(path, 'bundles/ab.sqfs'), '');
  const [only, ...others] = readActiveApps(path);
  assert.equal(only?.bundlePath, join(path, 'bundles/ab.sqfs'));
  assert.deepEqual(others, []);
});

test('a missing fleet file is no fault; one with a wrong field names the field', async (t) => {
  const path = join(await folder(t), 'fleet.json');
  assert.equal(await readFleetFile(path), null);
  await writeFile(path, '{"server":"http://plain.example"');
  await assert.rejects(readFleetFile(path), { code: 'FLEET_FILE_INVALID', message: /not JSON/ });
  await writeFile(path, '{"server":"http://plain.example"}');
  await assert.rejects(readFleetFile(path), { code: 'FLEET_FILE_INVALID', message: /server: .*broker: /s });
  await writeFile(path, 'x'.repeat(70_000));
  await assert.rejects(readFleetFile(path), { code: 'FLEET_FILE_INVALID', message: /longer than/ });
});

test('boot facts and slot manifest that are not there or wrong are named', async (t) => {
  const path = await folder(t);
  await assert.rejects(readBootFacts(join(path, 'boot')), { code: 'FILE_UNREADABLE' });
  await writeFile(join(path, 'boot'), 'slot=c\n');
  await assert.rejects(readBootFacts(join(path, 'boot')), { code: 'INPUT_INVALID', message: /slot/ });
  await assert.rejects(readSlotManifest(path), { code: 'FILE_UNREADABLE' });
});

test('the first heartbeat goes to init at once, words go as lines, a deaf init is told of once', async (t) => {
  const path = join(await folder(t), 'init');
  const received: string[] = [];
  const server = createServer().listen(path);
  t.after(() => server.close());
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve));
  const client = createConnection(path);
  t.after(() => client.destroy());
  const init = await accepted;
  init.on('data', (data) => received.push(String(data)));
  const lost: string[] = [];
  const fd = (client as unknown as { _handle: { fd: number } })._handle.fd;
  const channel = openInitChannel((reason) => lost.push(reason), fd);
  t.after(channel.close);
  channel.send('confirmed');
  while (!received.join('').includes('confirmed')) await new Promise((resolve) => init.once('data', resolve));
  assert.equal(received.join(''), 'heartbeat\nconfirmed\n');
  init.destroy();
  await new Promise((resolve) => client.once('close', resolve));
  assert.deepEqual(lost, []);
});

test('without init the agent goes on', () => {
  const lost: string[] = [];
  const channel = openInitChannel((reason) => lost.push(reason), 987_654);
  channel.send('reboot');
  channel.close();
  assert.equal(lost.length, 1);
});

test('events wait in order, the oldest go first, sent ones are forgotten', () => {
  let added = 0;
  const queue = createEventQueue(
    () => added++,
    () => 7,
  );
  for (let number = 0; number < 205; number++) queue.add('app', `${number}`);
  assert.equal(added, 205);
  assert.equal(queue.waiting().length, 200);
  const first = queue.waiting().slice(0, 199);
  queue.add('error', 'x'.repeat(5_000));
  queue.sent(first);
  assert.deepEqual(
    queue.waiting().map((event) => [event.at, event.kind, event.text.length]),
    [
      [7, 'app', 3],
      [7, 'error', 2_000],
    ],
  );
});

test('the screen tells name, address, state and trouble', () => {
  const text = renderScreen({
    ...{ name: 'till-3', serial: '0011', addresses: [], state: 'connecting', apps: ['hello 1.0.0 running'] },
    ...{ system: 'x86_64-usb 1.0.0, slot a', trouble: 'no fleet.json' },
  });
  for (const part of ['till-3', '0011', 'none yet', 'connecting', 'hello 1.0.0 running', 'no fleet.json'])
    assert.ok(text.includes(part), part);
});

test('memory and uptime are the kernel’s', async () => {
  const memory = await readMemory('/proc');
  assert.ok(memory.totalKiB > memory.availableKiB && memory.availableKiB > 0);
  assert.ok((await uptimeMs('/proc')) > 0);
  assert.deepEqual(await readMemory('/nonexistent'), { totalKiB: 0, availableKiB: 0 });
});
