import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Tell, tellSchema } from '@nodeos/contracts/mqtt.ts';
import { DesiredNews } from './desired-news.ts';

function newsAt(clock: { now: number }, away: ReadonlySet<string> = new Set()) {
  const told: { device: string; afterMs: number }[] = [];
  const broker = {
    isOnline: (device: string) => !away.has(device),
    async tell(device: string, message: Tell) {
      assert.deepEqual(tellSchema.parse(message), message);
      told.push({ device, afterMs: message.kind === 'desired-changed' ? (message.afterMs ?? 0) : -1 });
      return true;
    },
  };
  return { news: new DesiredNews(broker, () => clock.now), told };
}

test('a few devices ask at once; of many each has its own moment, as many in each second', async () => {
  const { news, told } = newsAt({ now: 5_000 });
  for (let device = 0; device < 10_000; device++) assert.equal(await news.tell(`d${device}`, 1), true);
  assert.deepEqual([...new Set(told.slice(0, 20).map(({ afterMs }) => afterMs))], [0]);
  const perSecond = Map.groupBy(told.slice(20), ({ afterMs }) => Math.ceil(afterMs / 1000));
  assert.equal(perSecond.size, Math.ceil((10_000 - 20) / 60));
  for (const [second, devices] of perSecond)
    assert.ok(
      devices.length <= 61 && (devices.length >= 59 || second === perSecond.size),
      `${devices.length} in ${second}`,
    );
});

test('time that has passed is given out again, and no device waits longer than the limit', async () => {
  const clock = { now: 0 };
  const { news, told } = newsAt(clock);
  for (let device = 0; device < 80; device++) await news.tell(`d${device}`, 1);
  assert.equal(told.at(-1)?.afterMs, 1_000);
  clock.now = 60_000;
  await news.tell('later', 2);
  assert.equal(told.at(-1)?.afterMs, 0);
  for (let device = 0; device < 100_000; device++) await news.tell(`d${device}`, 3);
  assert.equal(Math.max(...told.map(({ afterMs }) => afterMs)), 300_000);
});

test('a device that is away is not told and takes nobody’s moment', async () => {
  const away = new Set(Array.from({ length: 500 }, (_, device) => `d${device}`));
  const { news, told } = newsAt({ now: 0 }, away);
  for (const device of away) assert.equal(await news.tell(device, 1), false);
  assert.equal(await news.tell('there', 1), true);
  assert.deepEqual(told, [{ device: 'there', afterMs: 0 }]);
});
