import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openCgroups } from './cgroup.ts';
import { createDeviceGrants } from './device-grants.ts';
import { homeOf, nextUid } from './home.ts';
import { createLaunch, toEnding } from './launch.ts';
import { devicePaths, launchArguments, missingDevices } from './launch-command.ts';
import { makeAppFolder } from './node-apps.testing.ts';
import { describeEnding } from './process.ts';
import type { UserRuns } from './user-runs.ts';

const PATHS = {
  appNode: '/usr/bin/node',
  appPreload: '/preload.cjs',
  gpioPreload: '/gpio.cjs',
  lowerRoot: '/run/nodeos/root',
};
const PLACE = {
  uid: 10_001,
  gid: 10_002,
  home: '/data/users/hello',
  rootOf: null,
  cgroup: '/cg/hello/1',
  devices: ['/dev/gpiochip0'],
  disk: { kib: 4096, files: 512 },
  cpuinfo: null,
};

async function temporary(): Promise<{ path: string; [Symbol.asyncDispose](): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'nodeos-launch-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

test('the launcher gets the user, the root, the limits and the app’s own command', async () => {
  await using folder = await makeAppFolder();
  const app = await folder.app('1.2.0', '', {
    ports: [8080, 9090],
    env: { MODE: 'x y' },
    start: ['node', 'server.js'],
  });
  const args = launchArguments(app, PLACE, false, PATHS);
  const [options, command] = [args.slice(0, args.indexOf('--')), args.slice(args.indexOf('--') + 1)];
  assert.deepEqual(command, ['/usr/bin/node', 'server.js']);
  const pairs = Array.from({ length: options.length / 2 }, (_, at) => options.slice(at * 2, at * 2 + 2).join('='));
  for (const wanted of [
    '--uid=10001',
    '--gid=10002',
    '--home=/data/users/hello',
    '--lower=/run/nodeos/root',
    `--bundle=${app.bundlePath}`,
    '--network=host',
    '--cgroup=/cg/hello/1',
    '--disk-kib=4096',
    '--disk-files=512',
    '--device=/dev/gpiochip0',
    '--env=PORT=8080',
    '--env=MODE=x y',
    '--env=NODEOS_VERSION=1.2.0',
  ])
    assert.ok(pairs.includes(wanted), `${wanted} is missing in ${pairs.join(' ')}`);
  assert.ok(!pairs.some((pair) => pair.startsWith('--root-of')));
  // The socket to the agent, and nothing else.
  assert.deepEqual(
    pairs.filter((pair) => pair.startsWith('--keep-fd')),
    ['--keep-fd=4'],
  );
  assert.ok(pairs.includes('--env=NODEOS_CHANNEL_FD=4'));
  const console = launchArguments(app, { ...PLACE, channel: false }, false, PATHS).join(' ');
  assert.doesNotMatch(console, /--keep-fd|CHANNEL_FD/);
  const beside = launchArguments(app, { ...PLACE, rootOf: 4711 }, false, PATHS);
  assert.equal(beside[beside.indexOf('--root-of') + 1], '4711');
});

test('files of a development session stand at /app in a home of their own, with source maps', async () => {
  await using folder = await makeAppFolder();
  const app = await folder.app('1.2.0', '', { start: ['node', 'main.js'], env: { NODE_OPTIONS: '--no-warnings' } });
  const development = { home: '/run/nodeos/development/homes/1/home', uid: 65_533 };
  const unsigned = { ...app, bundlePath: null, development };
  const started: string[][] = [];
  const runs: UserRuns = {
    start: async ({ arguments: argumentsAt }) => {
      started.push(argumentsAt({ rootOf: null, cgroup: null }));
      throw new Error('enough');
    },
  };
  const paths = { ...PATHS, users: '/nowhere', devices: '/nowhere', proc: '/proc', cpuinfo: '/nowhere' };
  await assert.rejects(createLaunch(paths, runs, createDeviceGrants())(unsigned, { hold: false }), /enough/);
  const words = started[0]?.join(' ') ?? '';
  for (const wanted of [
    `--home ${development.home}`,
    '--uid 65533',
    '--gid 65533',
    '--chdir /app',
    'NODE_ENV=development',
  ])
    assert.ok(words.includes(wanted), `${wanted} is missing in ${words}`);
  assert.match(words, /--env NODE_OPTIONS=--enable-source-maps --no-warnings /);
  assert.doesNotMatch(words, /--bundle|--homes/);
  assert.doesNotMatch(launchArguments(app, PLACE, false, PATHS).join(' '), /--chdir|enable-source-maps/);
});

test('a held start keeps the channel and loads the preload script before the app', async () => {
  await using folder = await makeAppFolder();
  const app = await folder.app('1.2.0', '', { start: ['node', 'server.js'] });
  const args = launchArguments(app, PLACE, true, PATHS);
  assert.deepEqual(args.slice(args.indexOf('--') + 1), ['/usr/bin/node', '--require', '/preload.cjs', 'server.js']);
  assert.equal(args[args.indexOf('--keep-fd') + 1], '3');
  assert.ok(args.includes('NODEOS_HOLD_FD=3'));
});

test('an app that asks for gpio may use lines through /sys too, and sees the revision of its board', async () => {
  await using folder = await makeAppFolder();
  const pairsOf = async (devices: string[], cpuinfo: string | null): Promise<string> => {
    const app = await folder.app('1.0.0', '', { devices });
    return launchArguments(app, { ...PLACE, cpuinfo }, false, PATHS).join(' ');
  };
  assert.match(await pairsOf(['gpio'], '/run/cpuinfo'), /--sysfs gpio --cpuinfo \/run\/cpuinfo /);
  assert.doesNotMatch(await pairsOf(['i2c', '/dev/gpiochip0'], null), /--sysfs|--cpuinfo/);
});

test('devices are those present of the kinds asked for, and nothing else', () => {
  const present = ['gpiochip0', 'gpiochip1', 'i2c-1', 'sda', 'ttyS0', 'input/event0', 'watchdog'];
  assert.deepEqual(devicePaths(['gpio', '/dev/i2c-1'], present), ['/dev/gpiochip0', '/dev/gpiochip1', '/dev/i2c-1']);
  assert.deepEqual(devicePaths(['input', 'gpio', 'input'], present).length, 3);
  assert.deepEqual(devicePaths(['gpio?', 'i2c'], ['gpiochip0', 'fb0']), ['/dev/gpiochip0']);
  assert.deepEqual(devicePaths(['display'], ['fb0', 'dri/card0', 'dri/renderD128']), ['/dev/fb0', '/dev/dri/card0']);
  assert.deepEqual(missingDevices(['gpio', 'i2c', 'spi?', '/dev/i2c-1'], ['gpiochip0']), ['i2c', '/dev/i2c-1']);
  assert.deepEqual(devicePaths(['/dev/../etc/passwd', 'nonsense', '/dev/missing'], present), []);
});

test('an app is not started without a device that it needs', async () => {
  await using folder = await temporary();
  await mkdir(`${folder.path}/dev/input`, { recursive: true });
  await writeFile(`${folder.path}/dev/input/event0`, '');
  await using apps = await makeAppFolder();
  const started: string[] = [];
  const start: UserRuns['start'] = async ({ name }) => {
    started.push(name);
    throw new Error('far enough');
  };
  const paths = { ...PATHS, users: folder.path, devices: `${folder.path}/dev`, proc: '/proc', cpuinfo: '/cpuinfo' };
  const launch = createLaunch(paths, { start }, createDeviceGrants());
  const app = async (devices: string[]) => apps.app('1.0.0', '', { devices });
  await assert.rejects(launch(await app(['input', 'i2c', 'spi']), { hold: false }), {
    code: 'APP_DEVICE_MISSING',
    message: 'this machine has no i2c, no spi',
  });
  assert.deepEqual(started, []);
  if (process.getuid?.() === 0) {
    await assert.rejects(launch(await app(['input', 'i2c?']), { hold: false }), /far enough/);
    assert.deepEqual(started, ['hello']);
  }
});

test('an app starts on a device that has no homes yet', { skip: process.getuid?.() !== 0 }, async () => {
  await using folder = await temporary();
  await using apps = await makeAppFolder();
  let words: string[] = [];
  const start: UserRuns['start'] = async (run) => {
    words = run.arguments({ rootOf: null, cgroup: null });
    throw new Error('far enough');
  };
  const users = `${folder.path}/users`;
  const paths = { ...PATHS, users, devices: folder.path, proc: '/proc', cpuinfo: '/cpuinfo' };
  const launch = createLaunch(paths, { start }, createDeviceGrants());
  await assert.rejects(launch(await apps.app('1.0.0', '', { diskMiB: 20 }), { hold: false }), /far enough/);
  assert.match(words.join(' '), /--disk-kib 20480 --disk-files \d+ /);
});

test('user ids start at 10000 and are never given twice', () => {
  assert.equal(nextUid([]), 10_000);
  assert.equal(nextUid([0, 1000]), 10_000);
  assert.equal(nextUid([10_000, 10_007, 0]), 10_008);
});

test('homes made at the same time get different owners and keep them', { skip: process.getuid?.() !== 0 }, async () => {
  await using folder = await temporary();
  const users = `${folder.path}/users`;
  const [first, second] = await Promise.all([homeOf(users, 'one'), homeOf(users, 'two')]);
  assert.deepEqual([first.uid, second.uid], [10_000, 10_001]);
  assert.equal((await stat(second.home)).uid, 10_001);
  assert.equal((await homeOf(users, 'one')).uid, 10_000);
});

test('a group for each start carries the limits; those of an earlier agent are cleared away', async () => {
  await using folder = await temporary();
  const root = `${folder.path}/apps`;
  await mkdir(`${root}/hello/left-over`, { recursive: true });
  const faults: string[] = [];
  const cgroups = openCgroups(root, (reason) => faults.push(reason));
  const [first, second] = [await cgroups.make('hello', 64), await cgroups.make('hello', 64)];
  assert.notEqual(first?.path, second?.path);
  assert.equal(await readFile(`${first?.path}/memory.max`, 'utf8'), String(64 * 1024 * 1024));
  assert.ok(!(await readdir(`${root}/hello`)).includes('left-over'));
  assert.equal(await first?.ranOutOfMemory(), false);
  await writeFile(`${first?.path}/memory.events`, 'low 0\noom 1\noom_kill 1\n');
  assert.equal(await first?.ranOutOfMemory(), true);
  assert.deepEqual(faults, []);
});

test('where there are no cgroups apps run all the same', async () => {
  const faults: string[] = [];
  const cgroups = openCgroups('/proc/no-cgroups/apps', (reason) => faults.push(reason));
  assert.equal(await cgroups.make('hello', 64), null);
  assert.equal(await cgroups.make('hello', 64), null);
  assert.equal(faults.length, 1);
});

test('the launcher’s exit code becomes the app’s signal or a note', async () => {
  const group = (outOfMemory: boolean) => ({ ranOutOfMemory: async () => outOfMemory, remove: async () => {} });
  assert.deepEqual(await toEnding(143, null, null, 64), { code: null, signal: 'SIGTERM', note: null });
  assert.deepEqual(await toEnding(1, null, group(false), 64), { code: 1, signal: null, note: null });
  assert.match((await toEnding(137, null, group(true), 64)).note ?? '', /more than its 64 MiB/);
  assert.match((await toEnding(125, null, null, 64)).note ?? '', /launcher/);
});

test('the reason names the error, not the stack below it', () => {
  const lines = [
    '/app/index.js:3',
    'TypeError: sensor is not a function',
    '    at main (/app/index.js:3:1)',
    '',
    'Node.js v24.21.0',
  ];
  assert.equal(
    describeEnding({ code: 1, signal: null, note: null }, lines),
    'ended with code 1: TypeError: sensor is not a function',
  );
  assert.equal(describeEnding({ code: null, signal: 'SIGSEGV', note: null }, []), 'was killed by SIGSEGV');
});
