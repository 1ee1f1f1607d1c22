import assert from 'node:assert/strict';
import { appendFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import type { LogBatch } from '@nodeos/contracts/mqtt.ts';
import fc from 'fast-check';
import { eachLine } from './lines.ts';
import { openLogFile, parseLines } from './log-file.ts';
import { LogRing } from './log-ring.ts';
import { createLogStream, inBatches } from './log-stream.ts';
import { openLogs } from './logs.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'nodeos-logs-'));
  t.after(() => rm(path, { recursive: true }));
  return path;
}
const line = (text: string, at = 1) => ({ at, source: 'hello', stream: 'stdout' as const, text });

test('a ring holds the newest lines and never more than its bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 300, size: 'max' }), { maxLength: 80, size: 'max' }), (texts) => {
      const ring = new LogRing(2_000);
      for (const text of texts) ring.push(line(text));
      const kept = ring.tail(1_000).map((entry) => entry.text);
      assert.deepEqual(kept, texts.slice(texts.length - kept.length));
      assert.ok(kept.reduce((bytes, text) => bytes + text.length + 64, 0) <= 2_000);
      assert.ok(texts.length === 0 || kept.length > 0);
    }),
  );
});

test('lines come whole, however the stream is cut, and long ones are cut', async () => {
  const stream = new PassThrough();
  const lines: string[] = [];
  eachLine(stream, (text) => lines.push(text), 10);
  const bytes = Buffer.from('grün\r\nsecond\n\n0123456789abcdef\nlast');
  for (const byte of bytes) stream.write(Buffer.of(byte));
  stream.end();
  await new Promise((resolve) => stream.on('end', resolve));
  assert.deepEqual(lines, ['grün', 'second', '', '0123456789', 'last']);
});

test('a torn last line is left out, all before it is read', () => {
  assert.deepEqual(
    parseLines('1 o one\n2 e two\ngarbage\n3 a thr', 'hello').map((entry) => [entry.stream, entry.text]),
    [
      ['stdout', 'one'],
      ['stderr', 'two'],
    ],
  );
});

test('the file never grows beyond its bound and keeps the newest', async (t) => {
  const path = join(await folder(t), 'hello.log');
  const file = openLogFile(path, 'hello', 4_000);
  for (let number = 0; number < 400; number++) {
    file.append(line(`line ${number} ${'x'.repeat(30)}`, number));
    if (number % 7 === 0) await file.flush();
  }
  await file.flush();
  const bytes = (await stat(path)).size + (await stat(`${path}.1`)).size;
  assert.ok(bytes <= 4_000, `${bytes} bytes`);
  const past = await file.past();
  assert.equal(past.at(-1)?.at, 399);
  assert.deepEqual(
    past.map((entry) => entry.at),
    past.map((_, index) => 400 - past.length + index),
  );
});

test('the tail reaches into the runs before, without doubles', async (t) => {
  const path = await folder(t);
  const before = openLogs(path, () => {});
  before.append('hello', 'stdout', 'old');
  await before.flush();
  await appendFile(join(path, 'hello.log'), '99999');
  await new Promise((resolve) => setTimeout(resolve, 2));
  const logs = openLogs(path, () => {});
  logs.append('hello', 'stderr', 'new');
  const texts = (await logs.tail('hello', 10)).map((entry) => entry.text);
  assert.deepEqual(texts, ['old', 'new']);
  assert.deepEqual(
    (await logs.tail(null, 1)).map((entry) => entry.text),
    ['new'],
  );
});

test('a stream sends the past, then what comes, then ends', async (t) => {
  const logs = openLogs(await folder(t), () => {});
  const sent: string[] = [];
  let arrived: () => void = () => {};
  const stream = createLogStream(logs, (batch: LogBatch) => {
    sent.push(...batch.lines.map((entry) => entry.text));
    arrived();
  });
  logs.append('hello', 'stdout', 'past');
  logs.append('other', 'stdout', 'not asked for');
  const opening = stream.open({ kind: 'logs', app: 'hello', seconds: 60, backlog: 10 });
  logs.append('hello', 'stdout', 'meanwhile');
  await opening;
  logs.append('hello', 'stdout', 'live');
  await new Promise<void>((resolve) => {
    arrived = resolve;
  });
  stream.close();
  logs.append('hello', 'stdout', 'after the end');
  assert.deepEqual(sent, ['past', 'meanwhile', 'live']);
});

test('batches hold all lines in order and stay below the limits of a message', () => {
  const lines = Array.from({ length: 1_200 }, (_, number) => line('x'.repeat((number * 37) % 8_000), number));
  const batches = inBatches(lines);
  assert.deepEqual(batches.flat(), lines);
  for (const batch of batches) {
    assert.ok(batch.length <= 500);
    assert.ok(JSON.stringify({ lines: batch }).length < 262_144);
  }
});
