import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { readActiveApps } from './active-apps.ts';
import { backoffDelay, retryForever } from './backoff.ts';
import { readBootFacts, readSlotManifest } from './boot-facts.ts';
import { describeWork, renderDisplay, renderLines, type ScreenState } from './console-screen.ts';
import { openDisplay } from './display.ts';
import { createEventQueue } from './event-queue.ts';
import { findFleet, readFleetFile } from './fleet-file.ts';
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

const SCREEN: ScreenState = {
  ...{ name: 'till-3', serial: '0011', addresses: [], state: 'connecting', apps: ['hello 1.0.0 running'] },
  ...{ system: 'x86_64-usb 1.0.0, slot a', trouble: 'no fleet.json', claimCode: 'abcdefgh…', work: 'asking' },
  ...{ wifi: 'joined Workshop', lookedFor: false },
};

test('the screen tells name, address, state, claim code, work, version and trouble', () => {
  const parts = [
    'till-3',
    '0011',
    'none yet; WiFi: joined Workshop',
    'connecting',
    'abcdefgh…',
    'asking',
    'hello 1.0.0 running',
    '1.0.0, slot a',
  ];
  for (const text of [renderLines(SCREEN), renderDisplay(SCREEN)])
    for (const part of [...parts, 'no fleet.json']) assert.ok(text.includes(part), part);
  assert.doesNotMatch(renderLines({ ...SCREEN, claimCode: null, trouble: null, wifi: null }), /claim|trouble|WiFi/);
});

test('a display has 80 columns and 25 lines, and nothing that it shows can steer it', () => {
  const reason = 'FLEET_FILE_INVALID: server: \x07\x9bnot an address\n'.repeat(6);
  const text = renderDisplay({
    ...SCREEN,
    trouble: reason,
    addresses: ['192.168.100.100', 'fd00::1234:5678:9abc:def0'],
  });
  assert.ok(text.includes('not an address'));
  // Node's own judge takes away the sequences that the display writes; no other control character may be left.
  const plain = stripVTControlCharacters(text).split('\r\n');
  assert.ok(plain.length <= 25, `${plain.length} lines`);
  for (const line of plain) {
    assert.ok(line.length <= 80, line);
    assert.doesNotMatch(line, /\p{Cc}/u);
  }
});

test('the work of a device is one phrase that does not change with each percent', () => {
  const facts = { online: true, addresses: ['10.0.0.2'], standsAlone: false, updates: [] };
  const update = { lane: 'app', name: 'hello', version: '2.0.0', target: 't', deployment: null, reason: null } as const;
  const fetching = (percent: number) => ({ ...facts, updates: [{ ...update, state: 'fetching' as const, percent }] });
  assert.equal(describeWork(fetching(10)), 'updating to hello 2.0.0: fetching');
  assert.equal(describeWork(fetching(10)), describeWork(fetching(90)));
  assert.equal(
    describeWork({ ...facts, updates: [{ ...update, state: 'confirmed', percent: null }] }),
    describeWork(facts),
  );
  assert.equal(describeWork({ ...facts, online: false, addresses: [] }), 'waiting for the network');
  assert.equal(describeWork({ ...facts, standsAlone: true, addresses: [] }), 'running its apps');
});

test('an invalid fleet file gives way to the last valid one; one that was taken away does not', async (t) => {
  const path = await folder(t);
  const [file, kept] = [join(path, 'fleet.json'), join(path, 'kept', 'fleet.json')];
  const fleet = {
    ...{ server: 'https://a.example:8443', broker: 'mqtts://a.example:8883', claimToken: 'abcdefghij' },
    ca: '-----BEGIN CERTIFICATE-----\n',
  };
  const log = () => {};
  await writeFile(file, '{');
  const first = await findFleet(file, kept, log);
  assert.deepEqual([first.fleet, first.fault?.code], [null, 'FLEET_FILE_INVALID']);
  await writeFile(file, JSON.stringify(fleet));
  assert.deepEqual(await findFleet(file, kept, log), { fleet, fault: null });
  assert.equal((await stat(kept)).mode & 0o777, 0o600);
  await writeFile(file, JSON.stringify({ ...fleet, server: 'http://a.example' }));
  const later = await findFleet(file, kept, log);
  assert.deepEqual([later.fleet, later.fault?.code], [fleet, 'FLEET_FILE_INVALID']);
  await rm(file);
  assert.deepEqual(await findFleet(file, kept, log), { fleet: null, fault: null });
  await writeFile(file, '{');
  assert.equal((await findFleet(file, kept, log)).fleet, null, 'what was taken away does not come back');
});

test('a device without a display has none', async (t) => {
  assert.equal(openDisplay(await folder(t)), null);
});

test('memory and uptime are the kernel’s', async () => {
  const memory = await readMemory('/proc');
  assert.ok(memory.totalKiB > memory.availableKiB && memory.availableKiB > 0);
  assert.ok((await uptimeMs('/proc')) > 0);
  assert.deepEqual(await readMemory('/nonexistent'), { totalKiB: 0, availableKiB: 0 });
});
