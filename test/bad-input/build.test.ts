import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { build, sharedCache } from '../support/build.ts';
import { cloneInto, seedCache } from '../support/clone.ts';
import { nodeos, ROOT, runCommand } from '../support/command.ts';
import { unfinishedBelow } from '../support/left-overs.ts';
import { assertRefused } from '../support/refusal.ts';
import { linkPrograms, testFolder } from '../support/test-files.ts';

const folder = testFolder('build');
const board = JSON.parse(readFileSync(join(ROOT, 'boards/x86_64-usb.json'), 'utf8'));

function boardFile(name: string, changes: object): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify({ ...board, ...changes }));
  return path;
}

test('a board with wrong fields is refused with each of them', async () => {
  const path = boardFile('wrong', { partitions: { ...board.partitions, slotMiB: 'big' }, wheels: 4 });
  assertRefused(await nodeos(['build', '--board', path]), 'INPUT_INVALID', /partitions\.slotMiB/, /wheels/);
});

test('a board and a layer that do not exist', async () => {
  assertRefused(await nodeos(['build', '--board', 'toaster']), 'BOARD_UNKNOWN', /toaster/, /x86_64-usb/);
  assertRefused(await nodeos(['build', '--layer', 'cake']), 'INPUT_INVALID', /cake/);
});

test('a version that is not semver is refused before anything is built', async () => {
  const out = join(folder, 'version');
  assertRefused(await nodeos(['build', '--system-version', '1.1', '--out', out]), 'VERSION_INVALID', /1\.1/);
  assert.throws(() => readdirSync(out));
});

test('a fleet file that does not fit is refused before anything is built', async () => {
  const path = join(folder, 'fleet.json');
  writeFileSync(path, '{"server":"nowhere"}');
  assertRefused(await nodeos(['build', '--fleet', path]), 'INPUT_INVALID', /server/, /claimToken/);
});

test('a kernel option that does not exist fails the build by its name and its fragment', async () => {
  // Board files name fragments below kernel-configs/, so this needs a clone with one more.
  const clone = join(folder, 'clone');
  mkdirSync(clone);
  await build(['--layer', 'slot', '--out', join(folder, 'out')]);
  await cloneInto(clone);
  writeFileSync(join(clone, 'kernel-configs/feature/typo.config'), 'CONFIG_SQAUSHFS=y\n');
  const fragments = [...board.kernel.fragments, 'feature/typo.config'];
  const path = boardFile('typo', { kernel: { ...board.kernel, fragments } });
  const cache = join(folder, 'typo-cache');
  await seedCache(sharedCache(), join(cache, 'nodeos'), ['apt', 'debian']);
  const args = [join(clone, 'cli/bin/nodeos.js'), 'build', '--board', path, '--out', join(folder, 'never')];
  const result = await runCommand(process.execPath, args, { cwd: clone, env: { XDG_CACHE_HOME: cache } });
  assertRefused(result, 'KERNEL_OPTION_UNKNOWN', /SQAUSHFS/, /typo\.config/);
  assert.throws(() => readdirSync(join(folder, 'never')));
  assert.deepEqual(unfinishedBelow(cache), []);
});

test('a missing tool is named with its Debian package', async () => {
  const bin = linkPrograms(join(folder, 'bin'), (name) => name === 'mksquashfs');
  const cache = join(folder, 'tool-cache');
  await seedCache(sharedCache(), join(cache, 'nodeos'), ['apt', 'debian', 'kernel', 'node-runtime', 'packages']);
  const result = await nodeos(['build', '--out', join(folder, 'none')], { env: { PATH: bin, XDG_CACHE_HOME: cache } });
  assertRefused(result, 'TOOL_MISSING', /mksquashfs/, /apt-get install squashfs-tools/);
  assert.deepEqual(unfinishedBelow(cache), []);
});

test('no network: the build says so and leaves nothing half-made', async () => {
  const cache = join(folder, 'offline-cache');
  const env = { XDG_CACHE_HOME: cache, NODEOS_DEBIAN_MIRROR: 'http://127.0.0.1:9/debian' };
  assertRefused(await nodeos(['build', '--out', join(folder, 'none')], { env }), 'NETWORK_UNREACHABLE');
  assert.deepEqual(unfinishedBelow(cache), []);
});

test('a full disk is named, and nothing half-written stays', async () => {
  const small = join(folder, 'small');
  mkdirSync(small);
  // A file system of 8 MiB that exists for this one command only.
  const script = `mount -t tmpfs -o size=8m none "$0" && "$@"; code=$?; ls -A "$0"; exit $code`;
  const command = [process.execPath, join(ROOT, 'cli/bin/nodeos.js'), 'build', '--out', small];
  const namespace = ['--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user'])];
  const result = await runCommand('unshare', [...namespace, 'sh', '-c', script, small, ...command]);
  assertRefused(result, 'DISK_FULL', /small/);
  assert.equal(result.stdout, '');
});
