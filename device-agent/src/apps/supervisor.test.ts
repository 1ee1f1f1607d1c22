import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { delay } from '../backoff.ts';
import type { AppRuntime, InstalledApp } from '../ports.ts';
import { freePort, makeAppFolder, plainLaunch, server } from './node-apps.testing.ts';
import { createSupervisor } from './supervisor.ts';

const nothing = () => {};

function supervise(t: TestContext, overrides: Partial<Parameters<typeof createSupervisor>[0]> = {}) {
  const launch = plainLaunch();
  const events: string[] = [];
  const runtime = createSupervisor({
    launch,
    onLine: nothing,
    onChange: nothing,
    onEvent: (text) => events.push(text),
    availableMemoryKiB: async () => 1_000_000,
    startTimeoutMs: 10_000,
    ...overrides,
  });
  t.after(() => runtime.stopAll());
  return { runtime, launch, events };
}

async function ask(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
  return answer.text();
}

async function running(runtime: AppRuntime, app: InstalledApp): Promise<void> {
  runtime.start(app);
  await runtime.allHealthy(20_000);
}

/** Asks the app over and over until stopped; gives the answers in order, `-` for none. */
function askInLoop(port: number): { stop(): Promise<string[]> } {
  const answers: string[] = [];
  let on = true;
  const loop = (async () => {
    while (on) {
      answers.push(await ask(port).catch(() => '-'));
      await delay(2);
    }
  })();
  return {
    async stop() {
      on = false;
      await loop;
      return answers;
    },
  };
}

test('a start resolves once the process has begun, not when it answers; it never rejects', async (t) => {
  await using folder = await makeAppFolder();
  const { runtime, launch } = supervise(t);
  await runtime.start(await folder.app('1.0.0', 'setInterval(() => {}, 1000);', { ports: [await freePort()] }));
  assert.equal(launch.started.length, 1);
  assert.equal(runtime.status().hello?.state, 'starting');
  const { runtime: other } = supervise(t, { launch: () => Promise.reject(new Error('no launcher')) });
  await other.start(await folder.app('1.0.0', ''));
  assert.match(other.status().hello?.reason ?? '', /no launcher/);
});

test('an overlapping swap leaves the port to the old version until the new one is ready', async (t) => {
  await using folder = await makeAppFolder();
  const port = await freePort();
  const { runtime } = supervise(t);
  const slowStart = 'const until = Date.now() + 400; while (Date.now() < until);';
  const old = await folder.app('1.0.0', server('1.0.0'), { ports: [port], probe: '/' });
  const fresh = await folder.app('2.0.0', server('2.0.0', slowStart), { ports: [port], probe: '/' });
  await running(runtime, old);
  const loop = askInLoop(port);
  const phases: string[] = [];
  await runtime.activate(fresh, old, (phase) => phases.push(phase));
  const answers = await loop.stop();
  assert.equal(await ask(port), '2.0.0');
  assert.deepEqual(phases, ['starting', 'soaking']);
  // Whatever the machine's speed: answers of the old one, at most one gap, answers of the new one.
  const shape = answers.join(' ').replace(/(\S+)( \1)+/g, '$1');
  assert.match(shape, /^1\.0\.0( -)? 2\.0\.0$/);
  assert.ok(answers.filter((answer) => answer === '1.0.0').length > 1, 'the old version served during the slow start');
  assert.deepEqual(runtime.status().hello?.state, 'running');
});

test('the new version takes the port over when the old one lets go of it, not when it ends', async (t) => {
  await using folder = await makeAppFolder();
  const port = await freePort();
  const { runtime } = supervise(t);
  const drains = `process.on('SIGTERM', () => { setTimeout(() => server.close(), 300); setTimeout(() => process.exit(), 1500); });
    const server = require('node:http').createServer((_, answer) => answer.end('1.0.0')).listen(Number(process.env.PORT));`;
  const old = await folder.app('1.0.0', drains, { ports: [port] });
  const fresh = await folder.app('2.0.0', server('2.0.0'), { ports: [port], soakMs: 0 });
  await running(runtime, old);
  let answeredAt = 0;
  const seen = (async () => {
    while ((await ask(port).catch(() => '-')) !== '2.0.0') await delay(2);
    answeredAt = performance.now();
  })();
  await runtime.activate(fresh, old, nothing);
  await seen;
  assert.ok(answeredAt < performance.now(), 'activation waits for the end of the old version');
  assert.equal(await ask(port), '2.0.0');
});

test('an ES module that listens after a wait is held back, too, and is evaluated once', async (t) => {
  await using folder = await makeAppFolder();
  const port = await freePort();
  const lines: string[] = [];
  const { runtime } = supervise(t, { onLine: (_name, _stream, text) => lines.push(text) });
  const old = await folder.app('1.0.0', server('1.0.0'), { ports: [port], probe: '/' });
  const source = `import { createServer } from 'node:http';
    console.log('evaluated', process.env.NODEOS_HOLD_FD);
    await new Promise((resolve) => setTimeout(resolve, 50));
    createServer((_, answer) => answer.end('2.0.0')).listen(Number(process.env.PORT), () => console.log('listening'));`;
  const fresh = await folder.app('2.0.0', source, { ports: [port], probe: '/' });
  await running(runtime, old);
  await runtime.activate(fresh, old, nothing);
  assert.equal(await ask(port), '2.0.0');
  assert.deepEqual(lines, ['evaluated undefined', 'listening']);
});

test('a version that crashes at start never takes the old one out of service', async (t) => {
  await using folder = await makeAppFolder();
  const port = await freePort();
  const { runtime, launch } = supervise(t);
  const old = await folder.app('1.0.0', server('1.0.0'), { ports: [port], probe: '/' });
  const bad = await folder.app('3.0.0', 'throw new Error("no such sensor")', { ports: [port], probe: '/' });
  await running(runtime, old);
  const loop = askInLoop(port);
  await assert.rejects(runtime.activate(bad, old, nothing), {
    code: 'APP_START_FAILED',
    message: 'hello 3.0.0 ended with code 1: Error: no such sensor',
  });
  assert.deepEqual(new Set(await loop.stop()), new Set(['1.0.0']));
  assert.deepEqual(launch.started, ['1.0.0', '3.0.0'], 'the old version was never started again');
  assert.equal(runtime.status().hello?.version, '1.0.0');
});

test('a version that crashes during its soak gives way to the old one', async (t) => {
  await using folder = await makeAppFolder();
  const port = await freePort();
  const { runtime } = supervise(t);
  const old = await folder.app('1.0.0', server('1.0.0'), { ports: [port], probe: '/' });
  const source = server('3.0.0', 'setTimeout(() => process.exit(7), 1000);');
  const bad = await folder.app('3.0.0', source, { ports: [port], probe: '/', soakMs: 60_000 });
  await running(runtime, old);
  await assert.rejects(runtime.activate(bad, old, nothing), { code: 'APP_START_FAILED', message: /ended with code 7/ });
  assert.equal(await ask(port), '1.0.0');
  assert.equal(runtime.status().hello?.state, 'running');
});

test('a version whose probe fails gives way to the old one', async (t) => {
  await using folder = await makeAppFolder();
  const port = await freePort();
  const { runtime } = supervise(t, { startTimeoutMs: 1_500 });
  const old = await folder.app('1.0.0', server('1.0.0'), { ports: [port] });
  const source = `require('node:http').createServer((_, answer) => answer.writeHead(500).end()).listen(Number(process.env.PORT));`;
  const bad = await folder.app('3.0.0', source, { ports: [port], probe: '/health' });
  await running(runtime, old);
  await assert.rejects(runtime.activate(bad, old, nothing), {
    code: 'APP_PROBE_FAILED',
    message: /GET \/health on port \d+: answered 500/,
  });
  assert.equal(await ask(port), '1.0.0');
});

test('a version that stops answering during its soak gives way to the old one', async (t) => {
  await using folder = await makeAppFolder();
  const port = await freePort();
  const { runtime } = supervise(t);
  const old = await folder.app('1.0.0', server('1.0.0'), { ports: [port], probe: '/' });
  const source = `let status = 200;
    setTimeout(() => { status = 503; }, 800);
    require('node:http').createServer((_, answer) => answer.writeHead(status).end()).listen(Number(process.env.PORT));`;
  const bad = await folder.app('3.0.0', source, { ports: [port], probe: '/', soakMs: 6_000 });
  await running(runtime, old);
  await assert.rejects(runtime.activate(bad, old, nothing), {
    code: 'APP_PROBE_FAILED',
    message: /503, 3 times in a row/,
  });
  assert.equal(await ask(port), '1.0.0');
});

test('a version that should listen and never does fails after the limit, the old one serving on', async (t) => {
  await using folder = await makeAppFolder();
  const port = await freePort();
  const { runtime } = supervise(t, { startTimeoutMs: 700 });
  const old = await folder.app('1.0.0', server('1.0.0'), { ports: [port] });
  const deaf = await folder.app('3.0.0', 'setInterval(() => {}, 1000);', { ports: [port] });
  await running(runtime, old);
  await assert.rejects(runtime.activate(deaf, old, nothing), {
    code: 'APP_START_FAILED',
    message: /did not come to listen/,
  });
  assert.equal(await ask(port), '1.0.0');
});

test('an app that says how long it takes to start has that time', async (t) => {
  await using folder = await makeAppFolder();
  const port = await freePort();
  const { runtime } = supervise(t, { startTimeoutMs: 300 });
  const old = await folder.app('1.0.0', server('1.0.0'), { ports: [port], startMs: 10_000 });
  const slow = await folder.app('2.0.0', `setTimeout(() => { ${server('2.0.0')} }, 1000);`, {
    ...{ ports: [port], startMs: 10_000 },
  });
  await running(runtime, old);
  await runtime.activate(slow, old, nothing);
  assert.equal(await ask(port), '2.0.0');
});

test('an app without a port is swapped when its main module has run', async (t) => {
  await using folder = await makeAppFolder();
  const { runtime } = supervise(t);
  const idle = 'setInterval(() => {}, 1000);';
  const old = await folder.app('1.0.0', idle);
  const fresh = await folder.app('2.0.0', `import 'node:fs'; await 0; ${idle}`);
  await running(runtime, old);
  await runtime.activate(fresh, old, nothing);
  assert.equal(runtime.status().hello?.version, '2.0.0');
});

test('stop-first never has two processes at once, and goes back when the new one crashes', async (t) => {
  await using folder = await makeAppFolder();
  const port = await freePort();
  const { runtime, launch } = supervise(t);
  const settings = { ports: [port], swap: 'stop-first' as const };
  const old = await folder.app('1.0.0', server('1.0.0'), settings);
  // It would fail with EADDRINUSE were the old one still there.
  const fresh = await folder.app('2.0.0', server('2.0.0'), settings);
  const bad = await folder.app('3.0.0', 'process.exit(3)', settings);
  await running(runtime, old);
  await runtime.activate(fresh, old, nothing);
  assert.equal(await ask(port), '2.0.0');
  await assert.rejects(runtime.activate(bad, fresh, nothing), { code: 'APP_START_FAILED' });
  assert.equal(await ask(port), '2.0.0');
  assert.deepEqual(launch.started, ['1.0.0', '2.0.0', '3.0.0', '2.0.0']);
});

test('low memory turns an overlapping swap into stop-first', async (t) => {
  await using folder = await makeAppFolder();
  const port = await freePort();
  const { runtime } = supervise(t, { availableMemoryKiB: async () => 10_000 });
  const old = await folder.app('1.0.0', server('1.0.0'), { ports: [port] });
  const fresh = await folder.app('2.0.0', `console.log(process.env.NODEOS_HOLD_FD);${server('2.0.0')}`, {
    ports: [port],
  });
  await running(runtime, old);
  await runtime.activate(fresh, old, nothing);
  assert.equal(await ask(port), '2.0.0');
});

test('a first version that fails leaves no app behind', async (t) => {
  await using folder = await makeAppFolder();
  const { runtime } = supervise(t);
  const bad = await folder.app('1.0.0', 'process.exit(3)');
  await assert.rejects(runtime.activate(bad, null, nothing), { code: 'APP_START_FAILED' });
  assert.deepEqual(runtime.status(), {});
});

test('an app that ends by itself is started again, its reason is kept', async (t) => {
  await using folder = await makeAppFolder();
  const port = await freePort();
  const { runtime, events } = supervise(t);
  const marker = `${(await folder.app('0.0.0', '')).bundlePath}/marker`;
  const source = `const fs = require('node:fs');
    if (!fs.existsSync(${JSON.stringify(marker)})) { fs.writeFileSync(${JSON.stringify(marker)}, ''); process.exit(9); }
    ${server('1.0.0')}`;
  await running(runtime, await folder.app('1.0.0', source, { ports: [port] }));
  const status = runtime.status().hello;
  assert.equal(status?.restarts, 1);
  assert.equal(status?.reason, 'ended with code 9');
  assert.deepEqual(events, ['hello 1.0.0 ended with code 9']);
});

test('an app that does not heed SIGTERM is killed after its grace', async (t) => {
  await using folder = await makeAppFolder();
  const { runtime } = supervise(t);
  const source = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);`;
  const app = await folder.app('1.0.0', source, { stopGraceMs: 100 });
  await running(runtime, app);
  await runtime.remove('hello');
  assert.deepEqual(runtime.status(), {});
});

test('health of all apps names the one that is not well', async (t) => {
  await using folder = await makeAppFolder();
  const { runtime } = supervise(t);
  runtime.start(await folder.app('1.0.0', 'console.error("out of luck"); process.exit(4)'));
  await assert.rejects(runtime.allHealthy(600), {
    code: 'APP_PROBE_FAILED',
    message: /hello is (backing-off|starting)(: ended with code 4: out of luck)?/,
  });
});
