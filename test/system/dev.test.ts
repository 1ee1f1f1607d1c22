import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { APP_PORT } from 'nodeos/demo/context.ts';
import { deviceUntil, readDevice } from 'nodeos/demo/operator.ts';
import {
  type DevelopmentDevice,
  startDevelopmentDevice,
  THROWING_LINE,
  untilAnswers,
} from '../bench/development-device.ts';
import { type Command, runCommand } from '../support/command.ts';

const LIMIT_MS = 300_000;
const folder = await mkdtemp(join(tmpdir(), 'nodeos-test-dev-'));
const closers: (() => Promise<void>)[] = [];
const end = new AbortController();
const commands: Command[] = [];
after(async () => {
  for (const { child, ended } of commands) {
    child.kill('SIGKILL');
    await ended;
  }
  end.abort();
  for (const close of closers) await close();
  await rm(folder, { recursive: true });
});

let lamp: DevelopmentDevice;
before(async () => {
  lamp = await startDevelopmentDevice(folder, end.signal, (close) => closers.unshift(close));
});

function develop(wanted?: string): Command {
  const command = lamp.develop(wanted);
  commands.push(command);
  return command;
}
const answers = (text: string): Promise<void> => untilAnswers(lamp.device.appUrl, text, LIMIT_MS);
/** A report that says so; the events follow a moment later. */
const developed = (app: string | undefined, told: RegExp) =>
  deviceUntil(
    lamp.fleet.operator,
    lamp.device.id,
    ({ report, events }) => report?.development?.app === app && events.some(({ text }) => told.test(text)),
    LIMIT_MS,
    `a report with ${app ?? 'no app'} in development, and the event ${told}`,
  );

test('an edit is on the device at once, a crash names the line of the source, and Ctrl-C leaves the release', async () => {
  await answers('released');
  await lamp.edit('the first');
  const command = develop();
  await command.waitFor(/running after/, LIMIT_MS);
  await answers('the first');
  assert.equal(
    (await developed('lamp', /development session of lamp begins/)).apps.lamp?.version,
    '1.0.0',
    'the report still names the release',
  );
  await lamp.edit('the second');
  await answers('the second');

  await fetch(`${lamp.device.appUrl}crash`);
  const source = join(lamp.app, 'src/main.ts').replaceAll(/[.\\]/g, '\\$&');
  await command.waitFor(new RegExp(`at fail \\(${source}:${THROWING_LINE}:\\d+\\)`), LIMIT_MS);
  await command.waitFor(/ended with code 1: TypeError: no light: the second; it is started again/, LIMIT_MS);
  await lamp.edit('mended');
  await answers('mended');

  command.child.kill('SIGINT');
  const { code, stdout, stderr } = await command.ended;
  assert.match(stdout, /the session is over: the device runs what it ran before/, stderr);
  assert.equal(code, 0, stderr);
  await answers('released');
  await developed(undefined, /session of lamp is over: the developer ended it/);
});

test('dependencies, an addon among them, and the app’s own addon are those for the device, also after its source has changed', async () => {
  const app = join(folder, 'native');
  await makeNativeApp(app);
  const command = develop(app);
  await command.waitFor(/running after/, LIMIT_MS);
  await answers('epoll closed: true, own: 42, text: first');
  await writeFile(join(app, 'main.js'), nativeMain('second'));
  await answers('epoll closed: true, own: 42, text: second');
  await writeFile(join(app, 'src/own.c'), OWN_ADDON.replace('42', '43'));
  await answers('epoll closed: true, own: 43, text: second');
  command.child.kill('SIGINT');
  const { code, stderr } = await command.ended;
  assert.equal(code, 0, stderr);
  await answers('released');
});

const OWN_ADDON = `#include <node_api.h>
static napi_value init(napi_env env, napi_value exports) {
  napi_value answer;
  napi_create_int32(env, 42, &answer);
  napi_set_named_property(env, exports, "answer", answer);
  return exports;
}
NAPI_MODULE(own, init)
`;
const nativeMain = (text: string): string => `
const { Epoll } = require('epoll');
const poll = new Epoll(() => {});
poll.close();
const { answer } = require('./build/Release/own.node');
const text = \`epoll closed: \${poll.closed}, own: \${answer}, text: ${text}\`;
require('node:http').createServer((_, reply) => reply.end(text)).listen(process.env.PORT);
`;

/** An app with the release's name; its addon stands there as if it had been compiled for another machine. */
async function makeNativeApp(app: string): Promise<void> {
  await mkdir(join(app, 'src'), { recursive: true });
  await mkdir(join(app, 'build/Release'), { recursive: true });
  const files = ['main.js', 'src', 'binding.gyp', 'build/Release/own.node'];
  const manifest = { name: 'lamp', version: '1.0.0', files, scripts: { start: 'node main.js' } };
  const dependencies = { epoll: '4.0.2' };
  await writeFile(
    join(app, 'package.json'),
    JSON.stringify({ ...manifest, dependencies, nodeos: { ports: [APP_PORT] } }),
  );
  await writeFile(
    join(app, 'binding.gyp'),
    JSON.stringify({ targets: [{ target_name: 'own', sources: ['src/own.c'] }] }),
  );
  await writeFile(join(app, 'src/own.c'), OWN_ADDON);
  await writeFile(join(app, 'build/Release/own.node'), 'of this computer');
  await writeFile(join(app, 'main.js'), nativeMain('first'));
  const locked = await runCommand('npm', ['install', '--package-lock-only', '--ignore-scripts'], { cwd: app });
  assert.equal(locked.code, 0, locked.stderr);
}

test('a device that restarts under a session runs its release', async () => {
  await lamp.edit('before the restart');
  const command = develop();
  await answers('before the restart');
  const boot = (await readDevice(lamp.fleet.operator, lamp.device.id)).report?.bootId;
  await lamp.fleet.operator.client.send('POST', `/devices/${lamp.device.id}/reboot`, {});
  const { code, stderr } = await command.ended;
  assert.equal(code, 1);
  assert.match(stderr, /DEVELOPMENT_ENDED|DEVICE_OFFLINE/);
  await deviceUntil(
    lamp.fleet.operator,
    lamp.device.id,
    ({ report, apps }) => report?.bootId !== boot && apps.lamp?.state === 'running',
    LIMIT_MS,
    'the device after its restart',
  );
  await answers('released');
  assert.equal((await readDevice(lamp.fleet.operator, lamp.device.id)).report?.development, undefined);
});
