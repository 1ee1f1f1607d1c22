import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { UpdateStatus } from '@nodeos/contracts/device-api.ts';
import { type Tell, tellSchema } from '@nodeos/contracts/mqtt.ts';
import { SERVER_LIMITS } from '../limits.ts';
import { DesiredNews } from './desired-news.ts';

const { desiredAsksAtOnce: AT_ONCE, desiredAsksPerSecond: PER_SECOND } = SERVER_LIMITS;
const { desiredCallMs: CALL_MS, desiredCallMaxMs: CALL_MAX_MS } = SERVER_LIMITS;
/** As long as messages for so many devices are on their way. */
const tellingMs = (count: number): number => Math.ceil((count * 1000) / SERVER_LIMITS.desiredTellsPerSecond);

/** @param deaf devices that are there and do not listen */
function newsAt(
  context: TestContext,
  away: Set<string> = new Set(),
  deaf: ReadonlySet<string> = new Set(),
  shared = false,
) {
  context.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  const clock = { now: 5_000 };
  const told: { device: string; generation: number; afterMs: number }[] = [];
  const broker = {
    isOnline: (device: string) => !away.has(device),
    async tell(device: string, message: Tell) {
      assert.deepEqual(tellSchema.parse(message), message);
      if (message.kind !== 'desired-changed' || away.has(device) || deaf.has(device)) return false;
      told.push({ device, generation: message.generation, afterMs: message.afterMs ?? 0 });
      return true;
    },
  };
  const news = new DesiredNews(broker, shared, () => clock.now);
  const begin = (generation: number, ...devices: string[]): Promise<string[]> =>
    news.tell(new Map(devices.map((device) => [device, generation])));
  /** Until they have heard of it. */
  const tell = async (generation: number, ...devices: string[]): Promise<string[]> => {
    const there = begin(generation, ...devices);
    await setImmediate();
    await pass(tellingMs(devices.length));
    return there;
  };
  const got = (device: string): void => news.reported(device, { generation: 1, updates: [] });
  /** Who is to ask at once. */
  const called = (): string[] => told.filter(({ afterMs }) => afterMs === 0).map(({ device }) => device);
  const pass = async (milliseconds: number): Promise<void> => {
    clock.now += milliseconds;
    context.mock.timers.tick(milliseconds);
    await setImmediate();
  };
  const tellMany = (count: number): Promise<string[]> =>
    tell(1, ...Array.from({ length: count }, (_, device) => `d${device}`));
  return { news, told, clock, begin, tell, tellMany, got, called, pass };
}

const status = (state: UpdateStatus['state']): UpdateStatus => ({
  ...{ lane: 'app', name: 'a', version: '1.0.0', target: 'apps/a/1.0.0/any.sqfs', deployment: 'd', state },
  ...{ percent: null, reason: null },
});

test('all are told; a few ask at once, and each that has got what is new lets the next one', async (context) => {
  const { news, told, tellMany, called } = newsAt(context);
  assert.equal((await tellMany(1_000)).length, 1_000);
  const first = told.slice(0, 1_000);
  assert.equal(new Set(first.map(({ device }) => device)).size, 1_000);
  assert.ok(first.every(({ afterMs }) => afterMs > 0));
  assert.equal(called().length, AT_ONCE);
  const held = { ...status('installing'), reason: 'UPDATE_HELD: a: a print is running' };
  const ends = [status('confirmed'), status('trial'), held];
  for (let next = 0; next < called().length; next++) {
    assert.ok(called().length <= next + AT_ONCE, `${called().length} called when ${next} had asked`);
    const device = called()[next] as string;
    news.asked(device);
    for (const state of ['fetching', 'verifying', 'installing'] as const)
      news.reported(device, { generation: 1, updates: [status('confirmed'), status(state)] });
    news.reported(device, { generation: 0, updates: [] });
    await setImmediate();
    assert.ok(called().length <= next + AT_ONCE, 'it is not through yet');
    news.reported(device, { generation: 1, updates: [ends[next % ends.length] as UpdateStatus] });
    await setImmediate();
  }
  assert.deepEqual(
    called(),
    Array.from({ length: 1_000 }, (_, device) => `d${device}`),
  );
});

test('few devices ask at once, and are told so at once', async (context) => {
  const { told, tellMany } = newsAt(context);
  await tellMany(AT_ONCE);
  assert.equal(told.length, AT_ONCE);
  assert.ok(told.every(({ afterMs }) => afterMs === 0));
});

test('nobody is called before all are told', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let now = 5_000;
  const answers: (() => void)[] = [];
  const broker = {
    isOnline: () => true,
    tell: () => new Promise<boolean>((resolve) => answers.push(() => resolve(true))),
  };
  const news = new DesiredNews(broker, false, () => now);
  const count = AT_ONCE + 5;
  const told = news.tell(new Map(Array.from({ length: count }, (_, device) => [`d${device}`, 1])));
  for (const answer of answers.slice(1)) answer();
  now += tellingMs(count);
  context.mock.timers.tick(tellingMs(count));
  await setImmediate();
  assert.equal(answers.length, count);
  answers[0]?.();
  assert.equal((await told).length, count);
  assert.equal(answers.length, count + AT_ONCE);
});

test('nobody is called, and nobody’s moment comes, while messages are on their way', async (context) => {
  const { news, told, begin, got, called, pass } = newsAt(context);
  const many = (from: number): string[] => Array.from({ length: 2_000 }, (_, device) => `d${from + device}`);
  let ready = 0;
  const tell = (from: number) => begin(1, ...many(from)).then((there) => (ready += there.length));
  void tell(0);
  await setImmediate();
  assert.ok(told.every(({ afterMs }) => afterMs > tellingMs(2_000)));
  // One that comes by itself lets the next one come when it is through: but not yet.
  assert.equal(news.asked('d7'), true);
  got('d7');
  await pass(tellingMs(2_000) - 1);
  assert.equal(called().length, 0);
  void tell(2_000);
  // Few are there sooner, but not before those.
  void begin(1, ...many(5_000).slice(0, AT_ONCE + 1));
  await setImmediate();
  await pass(1);
  assert.deepEqual([called().length, ready], [0, 0], 'others are being told');
  await pass(tellingMs(2_000) - 2);
  assert.equal(called().length, 0, 'these too');
  await pass(1);
  assert.deepEqual([called().length, ready], [AT_ONCE, 4_000]);
});

test('those that wait have a moment of their own, which comes where nobody calls them', async (context) => {
  const { told, clock, tell, tellMany } = newsAt(context);
  const count = 3 * PER_SECOND;
  await tellMany(count);
  const perSecond = Map.groupBy(told.slice(0, count), ({ afterMs }) => Math.ceil((afterMs - tellingMs(count)) / 1000));
  assert.deepEqual(
    [...perSecond].map(([second, devices]) => [second, devices.length]),
    [1, 2, 3].map((second) => [second, PER_SECOND]),
  );
  clock.now += 60_000;
  await tell(2, 'later');
  assert.equal(told.at(-1)?.afterMs, 1000 / PER_SECOND);
  await tellMany(10_000);
  const moments = told.slice(-10_000).map(({ afterMs }) => afterMs);
  const { desiredAskAfterMaxMs: last } = SERVER_LIMITS;
  const withOne = (last / 1000) * PER_SECOND;
  assert.deepEqual(
    moments,
    moments.toSorted((a, b) => a - b),
  );
  assert.ok(
    moments.slice(withOne).every((afterMs) => afterMs === last),
    'for the others there is none left',
  );
});

test('a device that does not come holds nobody up where the others come, and one that has asked is waited for anew', async (context) => {
  const { news, tellMany, called, pass } = newsAt(context);
  await tellMany(3 * AT_ONCE);
  await pass(300);
  for (let device = 1; device < AT_ONCE; device++) news.asked(`d${device}`);
  await pass(CALL_MS - 301);
  assert.equal(called().length, AT_ONCE);
  await pass(1);
  assert.equal(called().length, AT_ONCE + 1, 'd0 never came');
  await pass(300);
  assert.equal(called().length, 2 * AT_ONCE, 'the others asked, and were not heard of again');
});

test('where those that are called take long to ask, fewer are called; and all come in the end', async (context) => {
  const { news, tellMany, got, called, pass } = newsAt(context);
  await tellMany(20 * AT_ONCE);
  for (let ms = 0; ms < CALL_MAX_MS; ms += CALL_MS) await pass(CALL_MS);
  const slow = called().length;
  assert.ok(slow < 2 * AT_ONCE + 5, `${slow} were called in a minute, and none of them asked`);
  await pass(CALL_MAX_MS);
  assert.ok(called().length >= slow + AT_ONCE, 'nobody is waited for longer');
  // They come through again: what was is soon forgotten.
  for (let next = called().length - AT_ONCE; next < 18 * AT_ONCE; next++) {
    await pass(1);
    const device = called()[next] as string;
    news.asked(device);
    got(device);
  }
  await setImmediate();
  const before = called().length;
  for (const device of called().slice(-AT_ONCE)) news.asked(device);
  await pass(CALL_MS);
  assert.equal(called().length, before + AT_ONCE, 'five seconds are enough again');
});

test('where devices may ask another server, those that do not ask this one hold nobody up', async (context) => {
  const { news, tellMany, called, pass } = newsAt(context, new Set(), new Set(), true);
  await tellMany(5 * AT_ONCE);
  await pass(300);
  news.asked('d0');
  for (const times of [2, 3]) {
    await pass(CALL_MS);
    assert.equal(called().length, times * AT_ONCE);
  }
});

test('one that has asked is waited for longer where asking took long, but not once it is gone', async (context) => {
  const away = new Set<string>();
  const { news, tellMany, called, pass } = newsAt(context, away);
  await tellMany(3 * AT_ONCE);
  await pass(CALL_MS - 1);
  for (let device = 0; device < AT_ONCE; device++) news.asked(`d${device}`);
  await pass(CALL_MS);
  assert.equal(called().length, AT_ONCE);
  away.add('d0');
  await pass(CALL_MS);
  assert.equal(called().length, AT_ONCE + 1);
  await pass(2 * CALL_MS);
  assert.equal(called().length, 2 * AT_ONCE);
});

test('a device that comes by itself is not called, and counts like those that are', async (context) => {
  const { news, tellMany, got, called } = newsAt(context);
  await tellMany(AT_ONCE + 3);
  news.asked(`d${AT_ONCE}`);
  got('d0');
  await setImmediate();
  assert.equal(called().length, AT_ONCE);
  got(`d${AT_ONCE}`);
  await setImmediate();
  assert.deepEqual(called().slice(AT_ONCE), [`d${AT_ONCE + 1}`]);
});

test('those that come before their turn are let in up to a limit, and called like the others', async (context) => {
  const { news, tellMany, got, called } = newsAt(context);
  const limit = SERVER_LIMITS.desiredBusyAtOnce;
  await tellMany(limit + 2);
  for (let device = AT_ONCE; device < limit; device++) assert.equal(news.asked(`d${device}`), true);
  for (const early of [`d${limit}`, `d${limit + 1}`, `d${limit}`]) assert.equal(news.asked(early), false);
  assert.equal(news.asked('d0'), true, 'one that was called');
  assert.equal(news.asked('another'), true, 'one for which there is nothing new');
  assert.equal(called().length, AT_ONCE);
  for (let device = 0; device <= limit - AT_ONCE; device++) got(`d${device}`);
  await setImmediate();
  assert.deepEqual(called().slice(AT_ONCE), [`d${limit}`]);
  assert.equal(news.asked(`d${limit + 1}`), true, 'there is room again');
});

test('a device that is away is not told and takes nobody’s place', async (context) => {
  const away = new Set(Array.from({ length: 500 }, (_, device) => `away${device}`));
  const { told, tell, tellMany, got, called } = newsAt(context, away);
  assert.deepEqual(await tell(1, ...away, 'there'), ['there']);
  assert.deepEqual(told, [{ device: 'there', generation: 1, afterMs: 0 }]);
  got('there');
  await tellMany(AT_ONCE + 2);
  assert.equal(called().length, 1 + AT_ONCE);
  away.add(`d${AT_ONCE}`);
  got('d0');
  await setImmediate();
  assert.equal(told.at(-1)?.device, `d${AT_ONCE + 1}`, 'one that went away meanwhile is passed over');
});

test('a call that does not reach its device goes to the next one', async (context) => {
  const { tellMany, got, called } = newsAt(context, new Set(), new Set([`d${AT_ONCE}`]));
  assert.equal((await tellMany(AT_ONCE + 2)).length, AT_ONCE + 1);
  got('d0');
  await setImmediate();
  assert.deepEqual(called().slice(AT_ONCE), [`d${AT_ONCE + 1}`]);
});

test('a device that is told again while it waits is called once, with the newest', async (context) => {
  const { told, tell, tellMany, got } = newsAt(context);
  await tellMany(AT_ONCE + 1);
  await tell(2, `d${AT_ONCE}`);
  for (let device = 0; device < 3; device++) got(`d${device}`);
  await setImmediate();
  const calls = told.filter(({ device, afterMs }) => device === `d${AT_ONCE}` && afterMs === 0);
  assert.deepEqual(
    calls.map(({ generation }) => generation),
    [2],
  );
});
