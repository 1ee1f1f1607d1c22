import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { AppRuntime } from '../ports.ts';
import { freePort, makeAppFolder, quietOptions, server } from './node-apps.testing.ts';
import { createSupervisor } from './supervisor.ts';

const nothing = () => {};

function supervise(t: TestContext): AppRuntime {
  const runtime = createSupervisor(quietOptions());
  t.after(() => runtime.stopAll());
  return runtime;
}

async function oldAndNew(runtime: AppRuntime, folder: Awaited<ReturnType<typeof makeAppFolder>>, extra = '') {
  const port = await freePort();
  const old = await folder.app('1.0.0', server('1.0.0'), { ports: [port], probe: '/' });
  const fresh = await folder.app('2.0.0', server('2.0.0', extra), { ports: [port], probe: '/' });
  await runtime.start(old);
  await runtime.allHealthy(20_000);
  const ask = async () =>
    (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text().catch(String);
  return { old, fresh, ask };
}

test('the gate is asked after the soak, while the new version serves; then it is the one that runs', async (t) => {
  await using folder = await makeAppFolder();
  const runtime = supervise(t);
  const { old, fresh, ask } = await oldAndNew(runtime, folder);
  const story: string[] = [];
  const gate = async () => void story.push(`gate: ${await ask()}`);
  await runtime.activate(fresh, old, (phase) => story.push(phase), gate);
  assert.deepEqual(story, ['starting', 'soaking', 'gate: 2.0.0']);
  assert.equal(runtime.status().hello?.version, '2.0.0');
});

test('a gate that stays shut brings the old version back, with the gate’s reason', async (t) => {
  await using folder = await makeAppFolder();
  const runtime = supervise(t);
  const { old, fresh, ask } = await oldAndNew(runtime, folder);
  const gate = async () => {
    throw new NodeosError('APP_CUT_OFF', 'no server');
  };
  await assert.rejects(runtime.activate(fresh, old, nothing, gate), { code: 'APP_CUT_OFF', message: 'no server' });
  assert.equal(await ask(), '1.0.0');
  assert.equal(runtime.status().hello?.version, '1.0.0');
});

test('an app that ends while its gate is asked has failed, and the gate is told that it is over', async (t) => {
  await using folder = await makeAppFolder();
  const runtime = supervise(t);
  const { old, fresh, ask } = await oldAndNew(runtime, folder, 'setTimeout(() => process.exit(7), 1500);');
  const over = Promise.withResolvers<void>();
  const gate = (signal: AbortSignal) => {
    signal.addEventListener('abort', () => over.resolve());
    return new Promise<void>(() => {});
  };
  await assert.rejects(runtime.activate(fresh, old, nothing, gate), {
    code: 'APP_START_FAILED',
    message: /ended with code 7/,
  });
  await over.promise;
  assert.equal(await ask(), '1.0.0');
});

test('an app that falls ill while its gate is asked has failed', async (t) => {
  await using folder = await makeAppFolder();
  const runtime = supervise(t);
  const ill = `const { ServerResponse } = require('node:http');
    setTimeout(() => { ServerResponse.prototype.end = function () { this.socket.destroy(); }; }, 800);`;
  const { old, fresh, ask } = await oldAndNew(runtime, folder, ill);
  const gate = () => new Promise<void>(() => {});
  await assert.rejects(runtime.activate(fresh, old, nothing, gate), { code: 'APP_PROBE_FAILED' });
  assert.equal(await ask(), '1.0.0');
});
