import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import { type FromDevice, fromDeviceSchema, type ToDevice } from '@nodeos/contracts/development.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import fc from 'fast-check';
import { freePort, makeAppFolder, quietOptions, server } from '../apps/node-apps.testing.ts';
import type { Launch } from '../apps/process.ts';
import { createSupervisor } from '../apps/supervisor.ts';
import { createDevelopmentSession, type DevelopmentOptions } from './session.ts';

const WHOLE = { gone: [], first: true, last: true };

/** A device that runs a release, and what a command hears of it. */
async function device(t: TestContext, overrides: Partial<DevelopmentOptions> = {}) {
  const apps = await makeAppFolder();
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-session-'));
  const port = await freePort();
  const quiet = quietOptions();
  /** What was started, and what was only made ready. */
  const launches: ('starts' | 'waits')[] = [];
  const launch: Launch = (app, options) => {
    launches.push(app.manifest.env.NODEOS_STANDBY === undefined ? 'starts' : 'waits');
    wake();
    return quiet.launch(app, options);
  };
  let wake = (): void => {};
  const supervisor = createSupervisor({ ...quiet, launch });
  const released = await apps.app('1.0.0', server('1.0.0'), { ports: [port] });
  const heard: { session: string; message: FromDevice; end: boolean }[] = [];
  const events: string[] = [];
  const session = createDevelopmentSession({
    allowed: true,
    onTrial: () => false,
    findReleased: (name) => (name === 'hello' ? released : undefined),
    apps: supervisor.development,
    folder: join(folder, 'session'),
    owner: null,
    availableMemoryKiB: async () => 1_000_000,
    publish({ session: name, data, end }) {
      heard.push({ session: name, message: parseJson(fromDeviceSchema, data, 'what the device says'), end });
      wake();
    },
    onEvent: (text) => events.push(text),
    onChange: () => wake(),
    ...overrides,
  });
  t.after(async () => {
    await session.end('the test is over');
    await supervisor.stopAll();
    await apps[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });
  await supervisor.start(released);
  await supervisor.allHealthy(20_000);
  const until = async (what: () => boolean): Promise<void> => {
    while (!what())
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  };
  const last = (kind: FromDevice['kind']): FromDevice | undefined =>
    heard.map(({ message }) => message).findLast((message) => message.kind === kind);
  const count = (kind: FromDevice['kind']): number => heard.filter(({ message }) => message.kind === kind).length;
  const send = (message: ToDevice, name = 's1'): void =>
    session.input({ session: name, data: JSON.stringify(message), end: false });
  const opened = async (app = 'hello', name = 's1', resume: string | null = null): Promise<void> => {
    const before = heard.length;
    session.open(name, app, resume);
    const answers = (): FromDevice[] => heard.slice(before).flatMap((one) => (one.session === name ? one.message : []));
    await until(() => answers().some(({ kind }) => kind === 'ready' || kind === 'over'));
  };
  const run = async (text: string, settings: Partial<AppManifest> = {}, name = 's1'): Promise<void> => {
    const sha256 = createHash('sha256').update(text).digest('hex');
    const before = [count('missing'), count('started'), count('failed')] as const;
    send({ kind: 'list', files: [{ path: 'main.js', sha256, bytes: text.length }], ...WHOLE }, name);
    await until(() => count('missing') > before[0]);
    const missing = last('missing');
    if (missing?.kind === 'missing' && missing.sha256.length > 0)
      send({ kind: 'piece', sha256, data: Buffer.from(text).toString('base64') }, name);
    send(
      { kind: 'start', manifest: appManifest('1.0.1', { start: ['node', 'main.js'], ports: [port], ...settings }) },
      name,
    );
    await until(() => count('started') > before[1] || count('failed') > before[2]);
  };
  const ask = async (): Promise<string> =>
    (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text();
  const releasedRuns = async (): Promise<void> => {
    await until(() => session.status() === undefined);
    await supervisor.allHealthy(20_000);
    assert.equal(await ask(), '1.0.0');
  };
  return {
    supervisor,
    apps,
    session,
    heard,
    events,
    folder,
    send,
    until,
    last,
    count,
    opened,
    run,
    ask,
    released,
    releasedRuns,
    launches,
    port,
  };
}

test('files that are sent run in the place of the release, until the developer ends it', async (t) => {
  const { session, opened, run, ask, last, releasedRuns, events, folder, heard, until, send } = await device(t);
  await opened();
  assert.deepEqual(session.status(), { app: 'hello' });
  await run(server('edited'));
  assert.deepEqual(last('started'), { kind: 'started', healthy: true, reason: null });
  assert.equal(await ask(), 'edited');
  await run(server('edited again'));
  assert.equal(await ask(), 'edited again');
  session.input({ session: 'other', data: '', end: true });
  assert.equal(await ask(), 'edited again', 'another session’s end is not this one’s');
  send({ kind: 'end' });
  await until(() => last('over') !== undefined);
  await releasedRuns();
  assert.deepEqual(heard.at(-1), {
    session: 's1',
    message: { kind: 'over', code: null, reason: 'the developer ended it' },
    end: true,
  });
  await until(() => !existsSync(join(folder, 'session')));
  assert.match(events[0] ?? '', /^a development session of hello begins/);
  assert.match(events[1] ?? '', /is over: the developer ended it$/);
});

test('an edit is run by a process that waited for it, unless the start itself has changed', async (t) => {
  const { opened, run, ask, until, launches } = await device(t);
  await opened();
  await run(server('edited'));
  await until(() => launches.at(-1) === 'waits');
  let before = launches.length;
  await run(server('edited again'));
  assert.equal(await ask(), 'edited again');
  await until(() => launches.length > before);
  assert.deepEqual(launches.slice(before), ['waits'], 'only the next one was started, to wait');
  before = launches.length;
  await run('require("node:http").createServer((_, answer) => answer.end(process.env.TEXT)).listen(process.env.PORT)', {
    env: { TEXT: 'other environment' },
  });
  assert.equal(await ask(), 'other environment');
  assert.equal(launches[before], 'starts');
});

test('a port that somebody else has is the app’s fault to report, not one to wait for', async (t) => {
  const { opened, run, until, last, port: released } = await device(t);
  const port = await freePort();
  assert.notEqual(port, released);
  const other = createServer().listen(port);
  t.after(() => other.close());
  await opened();
  await run(server('edited'), { ports: [port] });
  await until(() => last('ended') !== undefined);
  assert.match(JSON.stringify(last('ended')), /EADDRINUSE/);
});

test('a session that is not renewed is over, and the release runs again', async (t) => {
  const { opened, run, ask, send, releasedRuns, last } = await device(t, { leaseMs: 2_000 });
  await opened();
  const renewing = setInterval(() => send({ kind: 'renew' }), 100);
  t.after(() => clearInterval(renewing));
  await run(server('edited'));
  assert.equal(await ask(), 'edited');
  clearInterval(renewing);
  await releasedRuns();
  assert.match(JSON.stringify(last('over')), /nothing was heard from it for 2 seconds/);
});

test('a deployment ends the session, which is told; what it sends then is not heard', async (t) => {
  const { supervisor, apps, opened, run, send, released, last, ask, session } = await device(t);
  await opened();
  await run(server('edited'));
  const candidate = await apps.app('2.0.0', server('2.0.0'), { ports: released.manifest.ports });
  await supervisor.activate(candidate, released, () => {});
  assert.deepEqual(last('over'), { kind: 'over', code: null, reason: 'version 2.0.0 was deployed' });
  send({ kind: 'start', manifest: appManifest('1.0.1', { start: ['node', 'main.js'] }) });
  assert.equal(session.status(), undefined);
  assert.equal(await ask(), '2.0.0');
});

test('a crash is told, and the next start is heard', async (t) => {
  const { opened, run, last, until, ask } = await device(t);
  await opened();
  await run('setTimeout(() => { throw new TypeError("a mistake") }, 10)', { ports: [] });
  await until(() => last('ended') !== undefined);
  assert.deepEqual(last('ended'), { kind: 'ended', reason: 'ended with code 1: TypeError: a mistake' });
  await run(server('mended'));
  assert.equal(await ask(), 'mended');
});

test('where the fleet file or a trial forbids it, or the session is gone, none begins', async (t) => {
  const none = async (overrides: Partial<DevelopmentOptions>, resume: string | null, code: string): Promise<void> => {
    const { opened, last, session, ask } = await device(t, overrides);
    await opened('hello', 's1', resume);
    const over = last('over');
    assert.equal(over?.kind === 'over' && over.code, code);
    assert.equal(session.status(), undefined);
    assert.equal(await ask(), '1.0.0');
  };
  await none({ allowed: false }, null, 'DEVELOPMENT_REFUSED');
  await none({ onTrial: () => true }, null, 'CONFLICT');
  await none({}, 'a session before the restart', 'DEVELOPMENT_ENDED');
});

test('a connection that broke goes on where it was; a session of another app takes the place of the one before', async (t) => {
  const { opened, run, ask, heard, session, count, supervisor, until } = await device(t);
  await opened();
  await run(server('edited'));
  await opened('hello', 's2', 's1');
  assert.equal(await ask(), 'edited', 'it ran all the time');
  const missing = count('missing');
  await run(server('edited'), {}, 's2');
  assert.equal(count('missing'), missing + 1);
  assert.deepEqual(heard.findLast(({ message }) => message.kind === 'missing')?.message, {
    kind: 'missing',
    sha256: [],
    last: true,
  });
  await opened('other', 's3');
  assert.deepEqual(session.status(), { app: 'other' });
  assert.ok(heard.some((entry) => entry.session === 's2' && entry.message.kind === 'over' && entry.end));
  await supervisor.allHealthy(20_000);
  assert.equal(await ask(), '1.0.0');
  await until(() => heard.at(-1)?.session === 's3');
});

test('what a start asks for is refused with its reason, and the session goes on', async (t) => {
  const { opened, run, last, ask } = await device(t);
  await opened();
  await run(server('edited'), { devices: ['/dev/sda'] });
  const failed = last('failed');
  assert.equal(failed?.kind === 'failed' && failed.code, 'DEVELOPMENT_REFUSED');
  assert.equal(await ask(), '1.0.0', 'the release was not stopped for it');
  await run(server('edited'));
  assert.equal(await ask(), 'edited');
});

test('no message, whatever is in it, ends the agent, writes outside of the session or leaves an answer out', async (t) => {
  const { opened, session, heard, folder, count, until, send } = await device(t);
  await opened();
  const hash = fc.constantFrom('a'.repeat(64), 'b'.repeat(64), '../../x');
  const path = fc.constantFrom('a', 'a/b', '../a', '/etc/x', 'a//b', '..', 'b');
  const file = fc.record({ path, sha256: hash, bytes: fc.integer({ min: -1, max: 4 }) });
  const one = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record({
        files: fc.array(file, { maxLength: 4 }),
        gone: fc.array(path),
        first: fc.boolean(),
        last: fc.boolean(),
      })
      .map((list) => JSON.stringify({ kind: 'list', ...list })),
    fc
      .record({ sha256: hash, data: fc.constantFrom('', 'AA==', 'AAAA', '?', 'AAAAAAAA') })
      .map((piece) => JSON.stringify({ kind: 'piece', ...piece })),
    fc.constant(JSON.stringify({ kind: 'start', manifest: appManifest('1.0.0', { name: 'another' }) })),
  );
  const several = fc.array(one, { maxLength: 4 }).map((messages) => `[${messages.join()}]`);
  const message = fc.oneof(one, several);
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 12 }), async (messages) => {
      const before = heard.length;
      for (const data of messages) session.input({ session: 's1', data, end: false });
      // Answers come in the order of the messages.
      send({ kind: 'piece', sha256: 'f'.repeat(64), data: '' });
      await until(() => JSON.stringify(heard.slice(before)).includes('f'.repeat(64)));
      assert.ok(heard.slice(before).every(({ end }) => !end));
    }),
    { numRuns: 150 },
  );
  assert.equal(count('over'), 0);
  assert.ok(!existsSync(join(folder, 'x')) && !existsSync(join(folder, 'a')));
});
