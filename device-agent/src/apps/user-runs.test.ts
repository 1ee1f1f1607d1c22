import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createDeviceGrants } from './device-grants.ts';
import { createStartInteractive } from './interactive.ts';
import { createLaunch } from './launch.ts';
import { makeAppFolder } from './node-apps.testing.ts';
import { openUserRuns, type RunPlace } from './user-runs.ts';

/** A home gets an owner. */
const rootOnly = { skip: process.getuid?.() !== 0 && 'needs root rights' };

/** A program that says what it was started with and stays also after SIGTERM, in the launcher's place. */
async function place(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-runs-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const launcher = join(folder, 'launcher');
  await writeFile(launcher, '#!/bin/sh\ntrap "" TERM\necho "$@"\nexec sleep 600\n', { mode: 0o755 });
  await mkdir(join(folder, 'cgroup'));
  const paths = {
    ...{
      launcher,
      users: join(folder, 'users'),
      devices: '/dev',
      appNode: '/usr/bin/node',
      appPreload: '/preload.cjs',
      gpioPreload: '/gpio.cjs',
    },
    ...{ proc: '/proc', cpuinfo: join(folder, 'cpuinfo') },
    ...{ lowerRoot: '/root', replHomes: join(folder, 'repl'), appCgroups: join(folder, 'cgroup/apps') },
  };
  const runs = openUserRuns(paths, assert.fail);
  const children: ChildProcess[] = [];
  t.after(() => children.forEach((child) => void child.kill('SIGKILL')));
  async function start(home: string): Promise<{ child: ChildProcess; place: RunPlace }> {
    let given: RunPlace | null = null;
    const { child } = await runs.start({
      ...{ name: 'hello', home, memoryMiB: 64, stdio: 'ignore' },
      arguments(seen) {
        given = seen;
        return [];
      },
    });
    children.push(child);
    return { child, place: given as unknown as RunPlace };
  }
  return { paths, runs, children, start };
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

const firstLine = async (stream: NodeJS.ReadableStream | null): Promise<string> =>
  String((await once(stream as NodeJS.ReadableStream, 'data'))[0]).trim();

test('runs with one home share the root of the first that lives, whoever began', async (t) => {
  const { start } = await place(t);
  const first = await start('/users/a');
  const other = await start('/users/b');
  const second = await start('/users/a');
  assert.equal(first.place.rootOf, null);
  assert.equal(other.place.rootOf, null);
  assert.equal(second.place.rootOf, first.child.pid);
  await end(first.child);
  const third = await start('/users/a');
  assert.equal(third.place.rootOf, second.child.pid);
  await end(second.child);
  await end(third.child);
  assert.equal((await start('/users/a')).place.rootOf, null);
});

test('a run that was told to end is the last whose root is taken', async (t) => {
  const { start } = await place(t);
  const first = await start('/users/a');
  const second = await start('/users/a');
  first.child.kill('SIGTERM');
  assert.equal((await start('/users/a')).place.rootOf, second.child.pid);
});

test('runs that begin at the same time: one has the root, the others take it', async (t) => {
  const { start } = await place(t);
  const all = await Promise.all([start('/users/a'), start('/users/a'), start('/users/a')]);
  const roots = new Set(all.map((run) => run.place.rootOf));
  assert.equal(roots.size, 2);
  assert.ok(roots.has(null));
});

test('a launcher that cannot be run is an error with its path', async (t) => {
  const { paths } = await place(t);
  const runs = openUserRuns({ ...paths, launcher: '/none/launcher' }, assert.fail);
  const words = { name: 'hello', home: '/users/a', memoryMiB: 64, stdio: 'ignore', arguments: () => [] } as const;
  await assert.rejects(runs.start(words), { code: 'APP_START_FAILED', message: /\/none\/launcher.*ENOENT/ });
});

test('an operator’s session has limits of its own; an app that starts later shares its root', rootOnly, async (t) => {
  const { paths, runs, children } = await place(t);
  await mkdir(join(paths.users, 'hello'), { recursive: true });
  await using folder = await makeAppFolder();
  const app = await folder.app('1.0.0', '', { memoryMiB: 16 });
  const launch = createLaunch(paths, runs, createDeviceGrants());
  const startInteractive = createStartInteractive(paths, runs);
  const session = await startInteractive(app);
  children.push(session.child);
  const words = (await firstLine(session.child.stdout)).split(' ');
  const cgroup = words[words.indexOf('--cgroup') + 1] as string;
  assert.equal(await readFile(`${cgroup}/memory.max`, 'utf8'), String(96 * 1024 * 1024));
  assert.equal(await readFile(`${cgroup}/pids.max`, 'utf8'), '256');
  assert.ok(!words.includes('--root-of'));
  assert.deepEqual(words.slice(-3), ['--', '/usr/bin/node', '--interactive']);

  const appProcess = await launch(app, { hold: false });
  t.after(() => appProcess.kill('SIGKILL'));
  const appWords = (await firstLine(appProcess.stdout)).split(' ');
  assert.equal(appWords[appWords.indexOf('--root-of') + 1], String(session.child.pid));
  assert.notEqual(appWords[appWords.indexOf('--cgroup') + 1], cgroup);
});

test('a session of nobody has limits too, and an empty home that no other session has', async (t) => {
  const { paths, runs, children } = await place(t);
  const startInteractive = createStartInteractive(paths, runs);
  const seen: string[][] = [];
  for (let at = 0; at < 2; at++) {
    const { child } = await startInteractive(null);
    children.push(child);
    seen.push((await firstLine(child.stdout)).split(' '));
  }
  const [first, second] = seen.map((words) => new Map(words.map((word, at) => [word, words[at + 1] ?? ''])));
  for (const words of [first, second])
    assert.equal(await readFile(`${words?.get('--cgroup')}/memory.max`, 'utf8'), String(96 * 1024 * 1024));
  assert.notEqual(first?.get('--home'), second?.get('--home'));
  await assert.rejects(stat(first?.get('--home') ?? ''), { code: 'ENOENT' });
  assert.ok(!second?.has('--root-of'));
});
