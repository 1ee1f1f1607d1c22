import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { createEventQueue } from '../event-queue.ts';
import type { ServerAnswer } from '../ports.ts';
import { retryAfterMs } from './retry-after.ts';
import { openSession } from './session.ts';

const HOUR_MS = 3_600_000;

/** A session in time that passes as fast as the test wants. */
function sessionInVirtualTime(t: TestContext, answer: (path: string) => ServerAnswer | null) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_760_000_000_000 });
  const asked: { at: number; path: string }[] = [];
  const changes: string[] = [];
  const sent: unknown[] = [];
  let reached = 0;
  const events = createEventQueue(() => {});
  const session = openSession({
    events,
    http: {
      async request(_method, path, options) {
        asked.push({ at: Date.now(), path });
        const given = answer(path);
        if (!given) throw new NodeosError('FETCH_FAILED', 'no way to the server');
        const { events: told = [] } = (options?.json ?? {}) as { events?: unknown[] };
        sent.push(...told);
        return given;
      },
    },
    updater: { apply() {}, serverReachable: () => void reached++, acknowledge: async () => {} },
    buildReport: async () => ({ updates: [] }) as unknown as DeviceReport,
    onOnline: () => void changes.push('online'),
    onOffline: () => void changes.push('offline'),
    ...{ onRejected() {}, log() {} },
  });
  t.after(() => session.close());
  async function pass(milliseconds: number, stepMs = 5_000): Promise<void> {
    for (let passed = 0; passed < milliseconds; passed += stepMs) {
      t.mock.timers.tick(stepMs);
      for (let turn = 0; turn < 4; turn++) await setImmediate();
    }
  }
  return { session, events, asked, changes, sent, reached: () => reached, pass };
}

const answerWith = (status: number, headers: ServerAnswer['headers'] = {}, json?: unknown): ServerAnswer => ({
  ...{ status, headers },
  body: Readable.from(json === undefined ? [] : [Buffer.from(JSON.stringify(json))]),
});
const healthy = (path: string) =>
  path.endsWith('desired')
    ? answerWith(200, { etag: '"1"' }, { format: 1, generation: 1, system: null, apps: {}, removeApps: [] })
    : answerWith(204);

test('a server that is down for three days is asked patiently, and told what was kept when it is back', async (t) => {
  let up = false;
  const { asked, changes, events, sent, pass } = sessionInVirtualTime(t, (path) => (up ? healthy(path) : null));
  for (let event = 0; event < 500; event++) events.add('app', `event ${event}`);
  await pass(72 * HOUR_MS, 10_000);
  // Two questions, each at most every 15 s and at least every 40 s once the waits have grown.
  assert.ok(asked.length > (2 * 72 * 3600) / 45 && asked.length < (2 * 72 * 3600) / 14, `${asked.length} requests`);
  assert.deepEqual(changes, ['offline']);
  up = true;
  await pass(60_000);
  assert.deepEqual(changes, ['offline', 'online']);
  assert.equal(sent.length, 200, 'the newest events, and no more than the server takes at once');
});

test('a busy server is asked again when it said, not sooner, and counts as there', async (t) => {
  let busy = true;
  const { asked, changes, reached, pass } = sessionInVirtualTime(t, (path) =>
    busy ? answerWith(503, { 'retry-after': '120' }) : healthy(path),
  );
  await pass(119_000, 1_000);
  assert.equal(asked.length, 2);
  assert.equal(reached(), 2, 'there is a way to a server that answers');
  await pass(10_000, 1_000);
  assert.equal(asked.length, 4);
  assert.deepEqual(changes, []);
  busy = false;
  await pass(130_000, 1_000);
  assert.deepEqual(changes, ['online']);
});

test('a device that came too early comes at once when it is called', async (t) => {
  let early = true;
  const { asked, session, changes, pass } = sessionInVirtualTime(t, (path) =>
    early && path.endsWith('desired') ? answerWith(503, { 'retry-after': '300' }) : healthy(path),
  );
  const questions = () => asked.filter(({ path }) => path.endsWith('desired')).length;
  await pass(60_000);
  assert.deepEqual([questions(), changes], [1, ['online']], 'its report was taken');
  early = false;
  session.poll();
  await pass(5_000);
  assert.equal(questions(), 2);
});

test('told to ask later, it asks then, or with the next question', async (t) => {
  const { asked, session, pass } = sessionInVirtualTime(t, (path) =>
    path.endsWith('desired') && asked.length > 2 ? answerWith(304) : healthy(path),
  );
  const questions = () => asked.filter(({ path }) => path.endsWith('desired')).length;
  await pass(5_000, 1_000);
  assert.equal(questions(), 1);
  session.poll(30_000);
  session.poll(10_000);
  await pass(29_000, 1_000);
  assert.equal(questions(), 1, 'the first moment it was given counts');
  await pass(2_000, 1_000);
  assert.equal(questions(), 2);
  session.poll(30_000);
  session.poll();
  await pass(60_000, 1_000);
  assert.equal(questions(), 3);
});

test('question and report go together, also after one of them was hastened', async (t) => {
  let known = false;
  const { asked, session, pass } = sessionInVirtualTime(t, (path) => {
    if (!path.endsWith('desired') || !known) return healthy(path);
    return answerWith(304);
  });
  await pass(60_000);
  known = true;
  await pass(HOUR_MS);
  session.poll();
  await pass(HOUR_MS);
  session.reportSoon();
  await pass(HOUR_MS);
  const at = (end: string) => asked.filter(({ path }) => path.endsWith(end)).map((one) => one.at);
  const [questions, reports] = [at('desired'), at('report')];
  assert.ok(questions.length > 30 && questions.length < 45, `${questions.length} questions in three hours`);
  const alone = (some: number[], others: number[]) =>
    some.filter((time) => !others.some((other) => Math.abs(other - time) <= 5_000)).length;
  assert.ok(alone(questions, reports) <= 2, 'the one that was hastened');
  assert.ok(alone(reports, questions) <= 3, 'the one that was hastened, and what the first answer led to');
});

test('Retry-After: seconds or a date, an hour at most, and only where the server is busy', () => {
  const now = Date.UTC(2026, 10, 21);
  const wait = (status: number, header: string) => retryAfterMs({ status, headers: { 'retry-after': header } }, now);
  assert.equal(wait(503, '7'), 7_000);
  assert.equal(wait(429, new Date(now + 90_000).toUTCString()), 90_000);
  assert.equal(wait(503, '999999999'), HOUR_MS);
  for (const header of ['', '-5', '0', 'soon', new Date(now - 1_000).toUTCString()])
    assert.equal(wait(503, header), null);
  assert.equal(wait(500, '7'), null);
  assert.equal(retryAfterMs({ status: 503, headers: {} }, now), null);
});
