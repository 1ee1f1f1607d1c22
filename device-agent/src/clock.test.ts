import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startClock } from './clock.ts';
import { clockFloor } from './clock-floor.ts';
import { askTime, parseSntpAnswer, sntpRequest } from './sntp.ts';

const YEAR_MS = 365 * 86_400_000;
const BUILD_MS = Date.UTC(2026, 0, 1);

async function clockAt(t: TestContext, startMs: number, stored?: string) {
  const stateDir = await mkdtemp(join(tmpdir(), 'nodeos-clock-'));
  t.after(() => rm(stateDir, { recursive: true, force: true }));
  if (stored !== undefined) await writeFile(join(stateDir, 'trusted-time'), stored);
  const state = { time: startMs };
  const clock = startClock({
    ...{ stateDir, buildTimeMs: BUILD_MS, ca: null, log: () => {}, now: () => state.time },
    native: {
      setClock(milliseconds) {
        state.time = milliseconds;
      },
    },
  });
  return { clock, state };
}

test('a clock of 1970 is lifted to the build time', async (t) => {
  const { state } = await clockAt(t, 0);
  assert.equal(state.time, BUILD_MS);
});

test('the last trusted time lifts it further; a damaged one does not matter', async (t) => {
  assert.equal((await clockAt(t, 0, String(BUILD_MS + YEAR_MS))).state.time, BUILD_MS + YEAR_MS);
  assert.equal((await clockAt(t, 0, 'torn')).state.time, BUILD_MS);
});

test('a clock that is ahead is left alone', async (t) => {
  const { state } = await clockAt(t, BUILD_MS + YEAR_MS);
  assert.equal(state.time, BUILD_MS + YEAR_MS);
});

test('the server’s date sets the clock forwards and backwards, never below the floor', async (t) => {
  const { clock, state } = await clockAt(t, BUILD_MS + YEAR_MS);
  clock.takeHttpDate(new Date(BUILD_MS + 2 * YEAR_MS).toUTCString());
  assert.equal(state.time, BUILD_MS + 2 * YEAR_MS);
  clock.takeHttpDate(new Date(BUILD_MS + 1000).toUTCString());
  assert.equal(state.time, BUILD_MS + 1000);
  clock.takeHttpDate(new Date(BUILD_MS - 60_000).toUTCString());
  clock.takeHttpDate('yesterday');
  assert.equal(state.time, BUILD_MS + 1000);
});

test('what cannot be read is the beginning of time', () => {
  assert.equal(clockFloor([null, Number.NaN, 5, Number.POSITIVE_INFINITY]), 5);
  assert.equal(clockFloor([]), 0);
});

function sntpAnswer(request: Buffer, milliseconds: number, change: (packet: Buffer) => void = () => {}): Buffer {
  const packet = Buffer.alloc(48);
  packet[0] = (4 << 3) | 4;
  packet[1] = 2;
  request.copy(packet, 24, 40, 48);
  for (const at of [32, 40]) {
    packet.writeUInt32BE((Math.floor(milliseconds / 1000) + 2_208_988_800) % 2 ** 32, at);
    packet.writeUInt32BE(Math.floor(((milliseconds % 1000) / 1000) * 2 ** 32), at + 4);
  }
  change(packet);
  return packet;
}

test('SNTP: an answer to the request gives the time, also after 2036', () => {
  const nonce = Buffer.from('0102030405060708', 'hex');
  for (const time of [BUILD_MS + 500, Date.UTC(2040, 5, 1)]) {
    const parsed = parseSntpAnswer(sntpAnswer(sntpRequest(nonce), time), nonce);
    assert.ok(Math.abs((parsed ?? 0) - time) < 1, `${parsed} is not ${time}`);
  }
});

test('SNTP: answers to others, of unsynchronised servers, or short ones are refused', () => {
  const nonce = Buffer.from('0102030405060708', 'hex');
  const request = sntpRequest(nonce);
  const refused: ((packet: Buffer) => void)[] = [
    (packet) => packet.fill(9, 24, 32),
    (packet) => packet.writeUInt8(0xc0 | (4 << 3) | 4, 0),
    (packet) => packet.writeUInt8((4 << 3) | 3, 0),
    (packet) => packet.writeUInt8(0, 1),
    (packet) => packet.writeUInt8(16, 1),
    (packet) => packet.fill(0, 40, 48),
  ];
  for (const change of refused) assert.equal(parseSntpAnswer(sntpAnswer(request, BUILD_MS, change), nonce), null);
  assert.equal(parseSntpAnswer(Buffer.alloc(47), nonce), null);
});

test('SNTP: a server on the loopback is asked and believed', async (t) => {
  const server = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  server.on('message', (request, from) => server.send(sntpAnswer(request, BUILD_MS), from.port, from.address));
  const time = await askTime('127.0.0.1', server.address().port);
  assert.ok(time >= BUILD_MS - 1);
});

test('a name whose look-up fails after the time for it is over is one error, not two', async () => {
  await assert.rejects(askTime('no-such-name.invalid', 123, 0), /did not answer/);
  // The look-up of a name ends before one that is asked for later, each at the resolver's own pace.
  await assert.rejects(lookup('no-such-name.invalid'));
  await new Promise(setImmediate);
});
