import assert from 'node:assert/strict';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type CommandResult, ROOT, runCommand } from '../support/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-setup-'));
after(() => rmSync(folder, { recursive: true }));
chmodSync(folder, 0o755);
const SCRIPTS = ['setup.js', 'children.js', 'debian-packages.json'];

interface Host {
  /** Debian packages that are not there. */
  readonly missing?: readonly string[];
  /** Shell lines of the programs on this host, by name. */
  readonly programs?: Readonly<Record<string, string>>;
  /** False: node_modules is older than the lock file. */
  readonly installed?: boolean;
  readonly root?: boolean;
}

/** Runs the set-up in a copy of the scripts, on a host whose npm, apt-get, sudo and dpkg-query are small stand-ins. */
async function setUpOn(host: Host): Promise<CommandResult & { calls: string }> {
  const root = mkdtempSync(join(folder, 'host-'));
  chmodSync(root, 0o755);
  mkdirSync(join(root, 'scripts'));
  for (const name of SCRIPTS) copyFileSync(join(ROOT, 'scripts', name), join(root, 'scripts', name));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(root, 'package-lock.json'), '{}');
  mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
  writeFileSync(join(root, 'node_modules/.bin/node'), '');
  writeFileSync(join(root, 'node_modules/.package-lock.json'), '{}');
  if (host.installed === false) utimesSync(join(root, 'node_modules/.package-lock.json'), 1, 1);

  const calls = join(root, 'calls');
  writeFileSync(calls, '');
  chmodSync(calls, 0o666);
  const present = JSON.parse(readFileSync(join(ROOT, 'scripts/debian-packages.json'), 'utf8'))
    .map((entry: { package: string }) => entry.package)
    .filter((name: string) => !host.missing?.includes(name));
  const programs: Record<string, string> = {
    'dpkg-query': `cat <<END\n${present.map((name: string) => `${name} installed`).join('\n')}\nEND`,
    'apt-get': 'exit 0',
    sudo: 'exit 1',
    npm: 'exit 0',
    ...host.programs,
  };
  const bin = join(root, 'bin');
  mkdirSync(bin);
  for (const [name, lines] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >> ${calls}\n${lines}\n`, { mode: 0o755 });
  }
  const node = [process.execPath, join(root, 'scripts/setup.js')];
  const unprivileged = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];
  const asRoot = process.getuid?.() === 0;
  const [program, ...args] = asRoot && !host.root ? ['/usr/bin/setpriv', ...unprivileged, ...node] : node;
  const result = await runCommand(program as string, args, { cwd: root, env: { PATH: `${bin}:/usr/bin:/bin` } });
  return { ...result, calls: existsSync(calls) ? readFileSync(calls, 'utf8') : '' };
}

const rootTest = process.getuid?.() === 0 ? test : test.skip;

test('where nothing is missing, nothing is installed and nothing is said', async () => {
  const { code, stdout, stderr, calls } = await setUpOn({});
  assert.equal(code, 0, stderr);
  assert.equal(stdout + stderr, '');
  assert.doesNotMatch(calls, /apt-get|npm/);
});

test('without root rights the one command to run is printed, with what each package is for', async () => {
  const { code, stderr, calls } = await setUpOn({ missing: ['flex', 'qemu-system-x86'] });
  assert.equal(code, 1);
  assert.match(stderr, /^ {2}flex +makes the scanner/m);
  assert.match(
    stderr,
    /^ {2}sudo apt-get update && sudo apt-get install --yes --no-install-recommends flex qemu-system-x86$/m,
  );
  assert.doesNotMatch(calls, /^apt-get/m);
});

test('where sudo asks no password, it installs', async () => {
  const { code, calls, stderr } = await setUpOn({
    missing: ['flex'],
    programs: { sudo: 'shift; case "$1" in true) exit 0;; env) shift 2; exec "$@";; esac' },
  });
  assert.equal(code, 0, stderr);
  assert.match(calls, /^apt-get .*install --yes --no-install-recommends flex$/m);
});

rootTest('as root, package lists that are too old are renewed before the second attempt', async () => {
  const state = join(folder, 'updated');
  const { code, calls, stderr } = await setUpOn({
    root: true,
    missing: ['flex'],
    programs: { 'apt-get': `case "$*" in *update*) touch ${state};; *) test -e ${state};; esac` },
  });
  assert.equal(code, 0, stderr);
  assert.deepEqual(calls.match(/(update|install --yes)/g), ['install --yes', 'update', 'install --yes']);
});

rootTest('no network: the mirror and the registry are named as what cannot be reached', async () => {
  const apt = await setUpOn({
    root: true,
    missing: ['flex'],
    programs: { 'apt-get': 'echo "E: Temporary failure resolving the mirror" >&2; exit 100' },
  });
  assert.equal(apt.code, 1);
  assert.match(apt.stderr, /Debian mirror cannot be reached/);
  const npm = await setUpOn({
    root: true,
    installed: false,
    programs: { npm: 'echo "npm error code ENOTFOUND" >&2; exit 1' },
  });
  assert.equal(npm.code, 1);
  assert.match(npm.stderr, /npm registry cannot be reached/);
});

test('packages older than the lock file are installed again', async () => {
  const { code, stdout, calls } = await setUpOn({ installed: false });
  assert.equal(code, 0);
  assert.match(stdout, /installing npm packages/);
  assert.match(calls, /^npm ci/m);
});
