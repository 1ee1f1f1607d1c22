import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runTool } from '../run-tool.ts';
import { finish, LauncherOnThisMachine, reasonToSkip, rootDevice, stop, uid } from './launcher.testing.ts';

describe('how an app starts and ends', { skip: reasonToSkip() }, () => {
  const machine = new LauncherOnThisMachine();

  it('passes a kept descriptor on, and alone the app holds it: its end ends the stream', async () => {
    const child = await machine.start(['--keep-fd', '4'], ['/bin/probe', 'write-fd', '4']);
    const chunks: Buffer[] = [];
    const stream = child.stdio[4] as NodeJS.ReadableStream;
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const [result] = await Promise.all([finish(child), once(stream, 'end')]);
    assert.equal(result.code, 0);
    assert.equal(Buffer.concat(chunks).toString(), 'kept');
  });

  it('ends with the exit code of the app', async () => {
    assert.equal((await machine.run([], ['/bin/probe', 'exit', '42'])).code, 42);
    assert.equal((await machine.run([], ['/bin/probe', 'exit', '0'])).code, 0);
  });

  it('ends with 128 + signal when a signal ended the app', async () => {
    assert.equal((await machine.run([], ['/bin/probe', 'crash'])).code, 128 + 11);
  });

  for (const [signal, mode, code] of [
    ['SIGTERM', 'wait', 128 + 15],
    ['SIGINT', 'wait', 128 + 2],
    ['SIGHUP', 'wait', 128 + 1],
    ['SIGTERM', 'trap', 7],
  ] as const) {
    it(`forwards ${signal} to an app that ${mode === 'trap' ? 'handles it' : 'does not handle it'}`, async () => {
      const child = await machine.start([], ['/bin/probe', mode]);
      child.stdout?.once('data', () => child.kill(signal));
      const result = await finish(child);
      assert.equal(result.stdout, 'ready\n');
      assert.equal(result.code, code);
    });
  }

  it('takes every process of the app with it: none outlives the app, none outlives the launcher', async () => {
    // The pipe closes only when the last process that holds it has ended.
    assert.equal((await machine.run([], ['/bin/probe', 'orphans'])).code, 0);
    const child = await machine.start([], ['/bin/probe', 'wait']);
    child.stdout?.once('data', () => child.kill('SIGKILL'));
    assert.equal((await finish(child)).code, null);
  });

  it('starts again on the same home at once, with what was written there', async () => {
    const home = await machine.newHome();
    for (let i = 0; i < 5; i++) assert.equal((await machine.report([], home)).get('write root'), 'written');
    const work = await stat(join(machine.folder, 'users/.work'));
    assert.equal(work.mode & 0o777, 0o700);
    assert.equal(work.uid, 0);
  });

  it('shares one root with another run on the same home: each sees at once what the other writes', async () => {
    const home = await machine.newHome();
    const first = await machine.startWaiting([], home);
    const second = await machine.startWaiting(['--root-of', String(first.pid)], home);
    assert.equal(await rootDevice(second), await rootDevice(first));
    await writeFile(`/proc/${first.pid}/root/from-first`, '1');
    assert.equal(await readFile(`/proc/${second.pid}/root/from-first`, 'utf8'), '1');
    await stop(first);
    await writeFile(`/proc/${second.pid}/root/from-second`, '2');
    assert.equal(await readFile(join(home, 'from-second'), 'utf8'), '2');
    await stop(second);
  });

  it('waits for the root of a run that has only just begun', async () => {
    const [home, cgroup] = [await machine.newHome(), join(machine.folder, 'slow')];
    await mkdir(cgroup);
    await runTool('mkfifo', [join(cgroup, 'cgroup.procs')]);
    // Held up in front of its namespaces until somebody reads.
    const first = await machine.start(['--cgroup', cgroup], ['/bin/probe', 'wait'], home);
    const second = await machine.start(['--root-of', String(first.pid)], ['/bin/probe', 'wait'], home);
    const ready = [first, second].map((child) => once(child.stdout as NodeJS.ReadableStream, 'data'));
    await readFile(join(cgroup, 'cgroup.procs'));
    await Promise.all(ready);
    assert.equal(await rootDevice(second), await rootDevice(first));
    for (const child of [first, second]) await stop(child);
  });

  it('takes no root of a stranger, of the system, or of a process that is gone', async () => {
    const stranger = await machine.startWaiting([]);
    // Of the same user, but this test's own: the system's root.
    const own = (await machine.report()).get('root');
    for (const pid of [process.pid, 4_000_000])
      assert.equal((await machine.report(['--root-of', String(pid)])).get('root'), own, `the root of ${pid} was taken`);
    const other = await machine.startWaiting(['--uid', String(uid + 1), '--root-of', String(stranger.pid)]);
    assert.notEqual(await rootDevice(other), await rootDevice(stranger));
    for (const child of [stranger, other]) await stop(child);
  });

  it('leaves no mount and no loop device behind', async () => {
    await machine.report(['--bundle', join(machine.folder, 'app.sqfs')]);
    assert.doesNotMatch(await readFile('/proc/self/mounts', 'utf8'), new RegExp(machine.folder));
    const { stdout } = await runTool('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE']);
    assert.doesNotMatch(stdout.toString(), new RegExp(`${machine.folder}/app.sqfs`));
  });

  it('joins the cgroup before the app runs', async () => {
    const cgroup = join(machine.folder, 'cgroup');
    await mkdir(cgroup);
    await writeFile(join(cgroup, 'cgroup.procs'), '');
    await machine.report(['--cgroup', cgroup]);
    assert.equal(await readFile(join(cgroup, 'cgroup.procs'), 'utf8'), '0');
  });

  const failures: [string, readonly string[], readonly string[], RegExp][] = [
    ['a command that is missing', [], ['/bin/none'], /^launcher: exec \/bin\/none: No such file or directory\n$/],
    [
      'a bundle that is missing',
      ['--bundle', '/none.sqfs'],
      ['/bin/probe'],
      /^launcher: bundle \/none.sqfs: No such file/,
    ],
    ['a bundle that is no squashfs', ['--bundle', '/etc/passwd'], ['/bin/probe'], /^launcher: mount app: /],
    [
      'a device that is missing',
      ['--device', '/dev/none'],
      ['/bin/probe'],
      /^launcher: device \/dev\/none: No such file/,
    ],
    [
      'a device that is a folder',
      ['--device', '/dev/shm'],
      ['/bin/probe'],
      /^launcher: device \/dev\/shm is not a character device/,
    ],
    [
      'a cgroup that is missing',
      ['--cgroup', '/none'],
      ['/bin/probe'],
      /^launcher: \/none\/cgroup.procs: No such file/,
    ],
    [
      'a descriptor that is not open',
      ['--keep-fd', '99'],
      ['/bin/probe'],
      /^launcher: --keep-fd 99: Bad file descriptor/,
    ],
    ['a start folder that is missing', ['--chdir', '/none'], ['/bin/probe'], /^launcher: --chdir \/none: No such file/],
    [
      'root as user',
      ['--uid', '0'],
      ['/bin/probe'],
      /^launcher: options: --uid: not a number from 1 up: Invalid argument\n$/,
    ],
  ];

  for (const [what, args, command, line] of failures) {
    it(`ends with 125 and one line for ${what}`, async () => {
      const result = await machine.run(args, command);
      assert.match(result.stderr, line);
      assert.equal(result.stderr.split('\n').length, 2);
      assert.equal(result.code, 125);
    });
  }

  it('ends with 125 for a home that is missing', async () => {
    assert.match(
      (await machine.run([], ['/bin/probe'], '/none/home')).stderr,
      /^launcher: \/none\/.work: No such file/,
    );
  });
});
