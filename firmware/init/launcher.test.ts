import assert from 'node:assert/strict';
import { once } from 'node:events';
import { lstat, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { gid, LauncherOnThisMachine, reasonToSkip, stop, uid } from './launcher.testing.ts';

describe('what an app sees and may do', { skip: reasonToSkip() }, () => {
  const machine = new LauncherOnThisMachine();

  it('runs the app under its own ids, without capabilities, groups or new privileges', async () => {
    const seen = await machine.report();
    assert.equal(seen.get('Uid'), `${uid}\t${uid}\t${uid}\t${uid}`);
    assert.equal(seen.get('Gid'), `${gid}\t${gid}\t${gid}\t${gid}`);
    assert.equal(seen.get('Groups')?.trim(), '');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.match(seen.get(set) ?? '', /^0+$/, set);
    assert.equal(seen.get('NoNewPrivs'), '1');
    assert.match(seen.get('SigBlk') ?? '', /^0+$/);
  });

  it('shows it only its own processes: itself and the reaper', async () => {
    const seen = await machine.report();
    assert.equal(seen.get('processes'), '2');
    assert.equal(seen.get('pid'), '2');
    assert.equal(seen.get('init cwd'), 'Permission denied');
  });

  it('hides the system: data is empty, and no folder of this machine is seen', async () => {
    const seen = await machine.report();
    assert.equal(seen.get('data'), '');
    assert.equal(seen.get('root'), 'bin data dev proc run sys tmp ');
    assert.equal(seen.get('cwd'), '/');
  });

  it('lets it write to its home and its temporary folders and to nothing else', async () => {
    const home = await machine.newHome();
    const seen = await machine.report(['--bundle', join(machine.folder, 'app.sqfs')], home);
    for (const place of ['write root', 'write tmp', 'write shm']) assert.equal(seen.get(place), 'written', place);
    assert.equal(seen.get('write app'), 'Read-only file system');
    assert.match(seen.get('write sys') ?? '', /Read-only|Permission denied/);
    assert.equal(seen.get('write proc'), 'Permission denied');
    assert.equal(seen.get('write dev'), 'Permission denied');
    assert.equal((await stat(join(home, 'written-by-app'))).uid, uid);
    await assert.rejects(stat(join(machine.folder, 'lower/written-by-app')), { code: 'ENOENT' });
  });

  it('lets it use GPIO lines through /sys where that was asked for, and write to nothing else there', async () => {
    const cpuinfo = join(machine.folder, 'cpuinfo');
    await writeFile(cpuinfo, 'processor\t: 0\n\nRevision\t: a02082\n');
    const asked = await machine.report(['--sysfs', 'gpio', '--cpuinfo', cpuinfo]);
    assert.equal(asked.get('sys'), 'writable');
    assert.equal(asked.get('write sys'), 'Permission denied');
    assert.equal(asked.get('Revision\t'), 'a02082');
    assert.equal(asked.get('processes'), '2');
    const others = await machine.report();
    assert.equal(others.get('sys'), 'read-only');
    assert.equal(others.get('Revision\t'), undefined);
  });

  it('refuses it mounts, another root and device nodes', async () => {
    const seen = await machine.report();
    for (const step of ['mount', 'chroot', 'mknod']) assert.equal(seen.get(step), 'Operation not permitted', step);
  });

  it('lets it ask the kernel only what apps have a use for', async () => {
    const { stdout, stderr } = await machine.run([], ['/bin/probe', 'calls']);
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
    const { stdout } = await machine.run([], ['/bin/probe', 'reach', name]);
    server.close();
    const [, version, answer] = /^(-?\d+) (.*)$/m.exec(stdout) ?? [];
    assert.equal(answer, Number(version) >= 6 ? 'Operation not permitted' : 'connected');
  });

  it('shows all homes to the one user that sees them, and lets it change nothing there', async () => {
    const home = await machine.newHome();
    const seen = await machine.report(['--homes', dirname(home)]);
    assert.ok(seen.get('home')?.split(' ').includes(basename(home)));
    assert.equal((await machine.report()).get('home'), 'No such file or directory');
    const child = await machine.startWaiting(['--homes', dirname(home)]);
    const mounts = await readFile(`/proc/${child.pid}/mountinfo`, 'utf8');
    await stop(child);
    assert.match(mounts, / \/home ro,nosuid,nodev,noexec/);
  });

  it('ends an app that calls the kernel as a program of another architecture', {
    skip: process.arch !== 'x64',
  }, async () => {
    // SIGSYS; or SIGSEGV where the kernel has no such entry at all.
    const { code, stdout } = await machine.run([], ['/bin/probe', 'foreign']);
    assert.ok(code === 128 + 31 || code === 128 + 11, `ended with ${code}`);
    assert.equal(stdout, '');
  });

  it('mounts the bundle read-only at /app and starts there', async () => {
    const seen = await machine.report(['--bundle', join(machine.folder, 'app.sqfs')]);
    assert.equal(seen.get('app'), 'package.json ');
    assert.equal(seen.get('cwd'), '/app');
  });

  it('gives it the harmless devices and those that were asked for, each with the right owner', async () => {
    const seen = await machine.report(['--device', '/dev/kmsg']);
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
    assert.equal((await machine.report(['--hostname', 'thermostat'])).get('hostname'), 'thermostat');
    assert.equal(await readFile('/proc/sys/kernel/hostname', 'utf8'), before);
  });

  it('gives it no network but loopback with --network none', async () => {
    assert.equal((await machine.report(['--network', 'none'])).get('interfaces'), 'lo ');
  });

  it('gives it the named environment and nothing of its own', async () => {
    const seen = await machine.report(['--env', 'PORT=80']);
    const variables = [...seen.keys()].filter((key) => key.startsWith('env ')).sort();
    assert.deepEqual(variables, ['env HOME', 'env PATH', 'env PORT', 'env TMPDIR']);
  });

  it('closes all descriptors but those to keep', async () => {
    const fds = async (args: readonly string[]): Promise<string | undefined> => (await machine.report(args)).get('fds');
    assert.equal(await fds([]), '0 1 2 3 '); // 3 is the folder that is being listed
    assert.equal(await fds(['--keep-fd', '4']), '0 1 2 3 4 ');
  });

  it('does not follow a symbolic link that an app put where a mount belongs', async () => {
    const home = await machine.newHome();
    await symlink('/etc', join(home, 'app'));
    const result = await machine.run(['--bundle', join(machine.folder, 'app.sqfs')], ['/bin/probe'], home);
    assert.equal(result.stderr, 'launcher: app: Not a directory\n');
    assert.equal(result.code, 125);
    assert.ok((await lstat(join(home, 'app'))).isSymbolicLink());
  });
});
