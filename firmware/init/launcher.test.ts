import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, lstat, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildInit } from '../layers/init.ts';
import { runTool } from '../run-tool.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const uid = 12345;
const gid = 12346;

function reasonToSkip(): string | false {
  if (process.getuid?.() !== 0) return 'the launcher needs root rights';
  const tried = spawnSync('unshare', ['--mount', '--pid', '--ipc', '--uts', '--net', '--fork', 'true']);
  if (tried.status !== 0) return `this machine gives no namespaces: ${tried.error?.message ?? tried.stderr}`;
  if (spawnSync('losetup', ['--find']).status !== 0) return 'this machine gives no loop devices';
  return false;
}

interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe('launcher on this machine', { skip: reasonToSkip() }, () => {
  let folder: string;
  let launcher: string;
  let count = 0;
  const started: ChildProcess[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nodeos-launcher-'));
    const context = {
      cacheRoot: join(folder, 'cache'),
      signal: new AbortController().signal,
      progress: () => {},
      locked: false,
    };
    const built = await buildInit(context, { cc: 'gcc', strip: 'strip', flags: [], id: 'host' }, here);
    launcher = join(built.dir, 'launcher');
    const lower = join(folder, 'lower');
    for (const name of ['bin', 'dev', 'proc', 'sys', 'run', 'tmp', 'data'])
      await mkdir(join(lower, name), { recursive: true });
    await runTool('gcc', [
      '-std=c11',
      '-D_GNU_SOURCE',
      '-static',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-o',
      join(lower, 'bin/probe'),
      join(here, 'test/probe.c'),
    ]);
    await mkdir(join(folder, 'package'));
    await chmod(join(folder, 'package'), 0o777); // so that only the mount can refuse a write
    await writeFile(join(folder, 'package/package.json'), '{"name":"probe"}');
    await runTool('mksquashfs', [
      join(folder, 'package'),
      join(folder, 'app.sqfs'),
      '-quiet',
      '-no-progress',
      '-all-root',
    ]);
  });
  after(async () => {
    // A test that failed half-way leaves its app running.
    for (const child of started) child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  });

  async function newHome(): Promise<string> {
    const home = join(folder, `users/app${++count}`);
    await mkdir(home, { recursive: true });
    await chown(home, uid, gid);
    return home;
  }

  async function start(args: readonly string[], command: readonly string[], home?: string): Promise<ChildProcess> {
    const needed = [
      '--uid',
      `${uid}`,
      '--gid',
      `${gid}`,
      '--home',
      home ?? (await newHome()),
      '--lower',
      join(folder, 'lower'),
    ];
    const child = spawn(launcher, [...needed, ...args, '--', ...command], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
      env: { SECRET: 'x' },
    });
    started.push(child);
    return child;
  }

  async function finish(child: ChildProcess): Promise<Result> {
    const text = { stdout: '', stderr: '' };
    child.stdout?.on('data', (chunk: Buffer) => {
      text.stdout += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      text.stderr += chunk.toString();
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...text };
  }

  const run = async (args: readonly string[], command: readonly string[], home?: string): Promise<Result> =>
    finish(await start(args, command, home));

  async function report(args: readonly string[] = [], home?: string): Promise<Map<string, string>> {
    const result = await run(args, ['/bin/probe', 'report'], home);
    assert.equal(result.stderr, '');
    assert.equal(result.code, 0);
    const lines = result.stdout.trimEnd().split('\n');
    return new Map(lines.map((line) => [/^[^=:]+/.exec(line)?.[0] ?? line, line.replace(/^[^=:]+[=:]\s*/, '')]));
  }

  /** Major and minor number of the file system at an app's `/`. */
  async function rootDevice({ pid }: ChildProcess): Promise<string | undefined> {
    const mounts = (await readFile(`/proc/${pid}/mountinfo`, 'utf8')).split('\n').map((line) => line.split(' '));
    return mounts.find((fields) => fields[4] === '/')?.[2];
  }

  it('runs the app under its own ids, without capabilities, groups or new privileges', async () => {
    const seen = await report();
    assert.equal(seen.get('Uid'), `${uid}\t${uid}\t${uid}\t${uid}`);
    assert.equal(seen.get('Gid'), `${gid}\t${gid}\t${gid}\t${gid}`);
    assert.equal(seen.get('Groups')?.trim(), '');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.match(seen.get(set) ?? '', /^0+$/, set);
    assert.equal(seen.get('NoNewPrivs'), '1');
    assert.match(seen.get('SigBlk') ?? '', /^0+$/);
  });

  it('shows it only its own processes: itself and the reaper', async () => {
    const seen = await report();
    assert.equal(seen.get('processes'), '2');
    assert.equal(seen.get('pid'), '2');
    assert.equal(seen.get('init cwd'), 'Permission denied');
  });

  it('hides the system: data is empty, and no folder of this machine is seen', async () => {
    const seen = await report();
    assert.equal(seen.get('data'), '');
    assert.equal(seen.get('root'), 'bin data dev proc run sys tmp ');
    assert.equal(seen.get('cwd'), '/');
  });

  it('lets it write to its home and its temporary folders and to nothing else', async () => {
    const home = await newHome();
    const seen = await report(['--bundle', join(folder, 'app.sqfs')], home);
    for (const place of ['write root', 'write tmp', 'write shm']) assert.equal(seen.get(place), 'written', place);
    assert.equal(seen.get('write app'), 'Read-only file system');
    assert.match(seen.get('write sys') ?? '', /Read-only|Permission denied/);
    assert.equal(seen.get('write proc'), 'Permission denied');
    assert.equal(seen.get('write dev'), 'Permission denied');
    assert.equal((await stat(join(home, 'written-by-app'))).uid, uid);
    await assert.rejects(stat(join(folder, 'lower/written-by-app')), { code: 'ENOENT' });
  });

  it('lets it use GPIO lines through /sys where that was asked for, and write to nothing else there', async () => {
    const cpuinfo = join(folder, 'cpuinfo');
    await writeFile(cpuinfo, 'processor\t: 0\n\nRevision\t: a02082\n');
    const asked = await report(['--sysfs', 'gpio', '--cpuinfo', cpuinfo]);
    assert.equal(asked.get('sys'), 'writable');
    assert.equal(asked.get('write sys'), 'Permission denied');
    assert.equal(asked.get('Revision\t'), 'a02082');
    assert.equal(asked.get('processes'), '2');
    const others = await report();
    assert.equal(others.get('sys'), 'read-only');
    assert.equal(others.get('Revision\t'), undefined);
  });

  it('refuses it mounts, another root and device nodes', async () => {
    const seen = await report();
    for (const step of ['mount', 'chroot', 'mknod']) assert.equal(seen.get(step), 'Operation not permitted', step);
  });

  it('lets it ask the kernel only what apps have a use for', async () => {
    const { stdout, stderr } = await run([], ['/bin/probe', 'calls']);
    assert.equal(stderr, '');
    const [status, ...lines] = stdout.trimEnd().split('\n');
    assert.match(status ?? '', /Seccomp:\s*2$/);
    const seen = Object.fromEntries(lines.map((line) => line.split('=')));
    const [refused, unknown] = ['Operation not permitted', 'Function not implemented'];
    const inSoManyWords =
      'unshare clone setns ptrace process_vm_readv keyctl bpf perf_event_open userfaultfd init_module kexec_load reboot ' +
      'swapon clock_settime sethostname fsopen personality TIOCSTI';
    assert.deepEqual(seen, {
      ...Object.fromEntries(inSoManyWords.split(' ').map((name) => [name, refused])),
      ...Object.fromEntries(['clone3', 'io_uring_setup', 'unknown call'].map((name) => [name, unknown])),
      ...Object.fromEntries(
        ['AF_ALG', 'AF_PACKET', 'NETLINK_AUDIT'].map((name) => [
          `socket ${name}`,
          'Address family not supported by protocol',
        ]),
      ),
      ...Object.fromEntries(['NETLINK_ROUTE', 'AF_UNIX', 'AF_INET6'].map((name) => [`socket ${name}`, 'done'])),
    });
  });

  it('keeps it from sockets that others named outside the file system, where the kernel can', async () => {
    const name = `nodeos-launcher-test-${process.pid}`;
    const server = createServer((socket) => socket.destroy()).listen(`\0${name}`);
    await once(server, 'listening');
    const { stdout } = await run([], ['/bin/probe', 'reach', name]);
    server.close();
    const [, version, answer] = /^(-?\d+) (.*)$/m.exec(stdout) ?? [];
    assert.equal(answer, Number(version) >= 6 ? 'Operation not permitted' : 'connected');
  });

  it('shows all homes to the one user that sees them, and lets it change nothing there', async () => {
    const home = await newHome();
    const seen = await report(['--homes', dirname(home)]);
    assert.ok(seen.get('home')?.split(' ').includes(basename(home)));
    assert.equal((await report()).get('home'), 'No such file or directory');
    const child = await start(['--homes', dirname(home)], ['/bin/probe', 'wait']);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    const mounts = await readFile(`/proc/${child.pid}/mountinfo`, 'utf8');
    child.kill('SIGTERM');
    await once(child, 'close');
    assert.match(mounts, / \/home ro,nosuid,nodev,noexec/);
  });

  it('ends an app that calls the kernel as a program of another architecture', {
    skip: process.arch !== 'x64',
  }, async () => {
    // SIGSYS; or SIGSEGV where the kernel has no such entry at all.
    const { code, stdout } = await run([], ['/bin/probe', 'foreign']);
    assert.ok(code === 128 + 31 || code === 128 + 11, `ended with ${code}`);
    assert.equal(stdout, '');
  });

  it('mounts the bundle read-only at /app and starts there', async () => {
    const seen = await report(['--bundle', join(folder, 'app.sqfs')]);
    assert.equal(seen.get('app'), 'package.json ');
    assert.equal(seen.get('cwd'), '/app');
  });

  it('gives it the harmless devices and those that were asked for, each with the right owner', async () => {
    const seen = await report(['--device', '/dev/kmsg']);
    assert.equal(seen.get('dev'), 'fd full kmsg null ptmx pts random shm stderr stdin stdout tty urandom zero ');
    assert.equal(seen.get('device /dev/null'), 'opens 1:3 666 0');
    assert.match(seen.get('device /dev/ptmx') ?? '', /^opens 5:2/);
    assert.equal(seen.get('device /dev/loop0'), 'missing');
    // Opening is the kernel's to allow (it wants CAP_SYSLOG here); the node is the app's.
    assert.match(seen.get('device /dev/kmsg') ?? '', new RegExp(` 1:11 600 ${uid}$`));
    assert.notEqual((await stat('/dev/kmsg')).uid, uid, "the machine's own node keeps its owner");
  });

  it('sets the host name inside only', async () => {
    const before = await readFile('/proc/sys/kernel/hostname', 'utf8');
    assert.equal((await report(['--hostname', 'thermostat'])).get('hostname'), 'thermostat');
    assert.equal(await readFile('/proc/sys/kernel/hostname', 'utf8'), before);
  });

  it('gives it no network but loopback with --network none', async () => {
    assert.equal((await report(['--network', 'none'])).get('interfaces'), 'lo ');
  });

  it('gives it the named environment and nothing of its own', async () => {
    const seen = await report(['--env', 'PORT=80']);
    const variables = [...seen.keys()].filter((key) => key.startsWith('env ')).sort();
    assert.deepEqual(variables, ['env HOME', 'env PATH', 'env PORT', 'env TMPDIR']);
  });

  it('closes all descriptors but those to keep', async () => {
    const fds = async (args: readonly string[]): Promise<string | undefined> => (await report(args)).get('fds');
    assert.equal(await fds([]), '0 1 2 3 '); // 3 is the folder that is being listed
    assert.equal(await fds(['--keep-fd', '4']), '0 1 2 3 4 ');
  });

  it('passes a kept descriptor on, and alone the app holds it: its end ends the stream', async () => {
    const child = await start(['--keep-fd', '4'], ['/bin/probe', 'write-fd', '4']);
    const chunks: Buffer[] = [];
    const stream = child.stdio[4] as NodeJS.ReadableStream;
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const [result] = await Promise.all([finish(child), once(stream, 'end')]);
    assert.equal(result.code, 0);
    assert.equal(Buffer.concat(chunks).toString(), 'kept');
  });

  it('ends with the exit code of the app', async () => {
    assert.equal((await run([], ['/bin/probe', 'exit', '42'])).code, 42);
    assert.equal((await run([], ['/bin/probe', 'exit', '0'])).code, 0);
  });

  it('ends with 128 + signal when a signal ended the app', async () => {
    assert.equal((await run([], ['/bin/probe', 'crash'])).code, 128 + 11);
  });

  for (const [signal, mode, code] of [
    ['SIGTERM', 'wait', 128 + 15],
    ['SIGINT', 'wait', 128 + 2],
    ['SIGHUP', 'wait', 128 + 1],
    ['SIGTERM', 'trap', 7],
  ] as const) {
    it(`forwards ${signal} to an app that ${mode === 'trap' ? 'handles it' : 'does not handle it'}`, async () => {
      const child = await start([], ['/bin/probe', mode]);
      child.stdout?.once('data', () => child.kill(signal));
      const result = await finish(child);
      assert.equal(result.stdout, 'ready\n');
      assert.equal(result.code, code);
    });
  }

  it('takes every process of the app with it: none outlives the app, none outlives the launcher', async () => {
    // The pipe closes only when the last process that holds it has ended.
    assert.equal((await run([], ['/bin/probe', 'orphans'])).code, 0);
    const child = await start([], ['/bin/probe', 'wait']);
    child.stdout?.once('data', () => child.kill('SIGKILL'));
    assert.equal((await finish(child)).code, null);
  });

  it('starts again on the same home at once, with what was written there', async () => {
    const home = await newHome();
    for (let i = 0; i < 5; i++) assert.equal((await report([], home)).get('write root'), 'written');
    const work = await stat(join(folder, 'users/.work'));
    assert.equal(work.mode & 0o777, 0o700);
    assert.equal(work.uid, 0);
  });

  it('shares one root with another run on the same home: each sees at once what the other writes', async () => {
    const home = await newHome();
    const first = await start([], ['/bin/probe', 'wait'], home);
    await once(first.stdout as NodeJS.ReadableStream, 'data');
    const second = await start(['--root-of', String(first.pid)], ['/bin/probe', 'wait'], home);
    await once(second.stdout as NodeJS.ReadableStream, 'data');
    assert.equal(await rootDevice(second), await rootDevice(first));
    await writeFile(`/proc/${first.pid}/root/from-first`, '1');
    assert.equal(await readFile(`/proc/${second.pid}/root/from-first`, 'utf8'), '1');
    first.kill('SIGTERM');
    await once(first, 'close');
    await writeFile(`/proc/${second.pid}/root/from-second`, '2');
    assert.equal(await readFile(join(home, 'from-second'), 'utf8'), '2');
    second.kill('SIGTERM');
    await once(second, 'close');
  });

  it('waits for the root of a run that has only just begun', async () => {
    const [home, cgroup] = [await newHome(), join(folder, 'slow')];
    await mkdir(cgroup);
    await runTool('mkfifo', [join(cgroup, 'cgroup.procs')]);
    // Held up in front of its namespaces until somebody reads.
    const first = await start(['--cgroup', cgroup], ['/bin/probe', 'wait'], home);
    const second = await start(['--root-of', String(first.pid)], ['/bin/probe', 'wait'], home);
    const ready = [first, second].map((child) => once(child.stdout as NodeJS.ReadableStream, 'data'));
    await readFile(join(cgroup, 'cgroup.procs'));
    await Promise.all(ready);
    assert.equal(await rootDevice(second), await rootDevice(first));
    for (const child of [first, second]) {
      child.kill('SIGTERM');
      await once(child, 'close');
    }
  });

  it('takes no root of a stranger, of the system, or of a process that is gone', async () => {
    const stranger = await start([], ['/bin/probe', 'wait']);
    await once(stranger.stdout as NodeJS.ReadableStream, 'data');
    // Of the same user, but this test's own: the system's root.
    const own = (await report()).get('root');
    for (const pid of [process.pid, 4_000_000])
      assert.equal((await report(['--root-of', String(pid)])).get('root'), own, `the root of ${pid} was taken`);
    const other = await start(['--uid', String(uid + 1), '--root-of', String(stranger.pid)], ['/bin/probe', 'wait']);
    await once(other.stdout as NodeJS.ReadableStream, 'data');
    assert.notEqual(await rootDevice(other), await rootDevice(stranger));
    for (const child of [stranger, other]) {
      child.kill('SIGTERM');
      await once(child, 'close');
    }
  });

  it('leaves no mount and no loop device behind', async () => {
    await report(['--bundle', join(folder, 'app.sqfs')]);
    assert.doesNotMatch(await readFile('/proc/self/mounts', 'utf8'), new RegExp(folder));
    const { stdout } = await runTool('losetup', ['--list', '--noheadings', '--output', 'BACK-FILE']);
    assert.doesNotMatch(stdout.toString(), new RegExp(`${folder}/app.sqfs`));
  });

  it('joins the cgroup before the app runs', async () => {
    const cgroup = join(folder, 'cgroup');
    await mkdir(cgroup);
    await writeFile(join(cgroup, 'cgroup.procs'), '');
    await report(['--cgroup', cgroup]);
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
      const result = await run(args, command);
      assert.match(result.stderr, line);
      assert.equal(result.stderr.split('\n').length, 2);
      assert.equal(result.code, 125);
    });
  }

  it('ends with 125 for a home that is missing', async () => {
    assert.match((await run([], ['/bin/probe'], '/none/home')).stderr, /^launcher: \/none\/.work: No such file/);
  });

  it('does not follow a symbolic link that an app put where a mount belongs', async () => {
    const home = await newHome();
    await symlink('/etc', join(home, 'app'));
    const result = await run(['--bundle', join(folder, 'app.sqfs')], ['/bin/probe'], home);
    assert.equal(result.stderr, 'launcher: app: Not a directory\n');
    assert.equal(result.code, 125);
    assert.ok((await lstat(join(home, 'app'))).isSymbolicLink());
  });
});
