import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Board } from '@nodeos/contracts/board.ts';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { assetPath } from '../assets.ts';
import { listBoards } from '../boards.ts';
import { type KernelOption, mergeOptions, parseFragment } from '../plan/kernel-options.ts';
import { buildKernel, kernelArchitecture } from './kernel.ts';

const context = {
  cacheRoot: join(tmpdir(), 'nodeos-kernel-test-unused'),
  signal: new AbortController().signal,
  progress: () => {},
  locked: false,
};

const folder = assetPath('kernel-configs');

async function filesBelow(path: string, extension: string): Promise<string[]> {
  const files = await readdir(join(folder, path), { recursive: true });
  return files.filter((file) => file.endsWith(extension)).map((file) => join(path, file));
}

async function optionsOf(board: Board): Promise<KernelOption[]> {
  const read = async (path: string) => parseFragment(await readFile(join(folder, path), 'utf8'), path);
  return mergeOptions(await Promise.all(board.kernel.fragments.map(read)));
}

/** For the kernel of a test's own board alone. */
const OF_TESTS = ['feature/wifi-simulated.config'];

test('every fragment parses, starts with what it is for, and is named by a board', async () => {
  const paths = await filesBelow('.', '.config');
  assert.ok(paths.length > 10);
  for (const path of paths) {
    const text = await readFile(join(folder, path), 'utf8');
    assert.match(text, /^# \S/, path);
    assert.ok(parseFragment(text, path).length > 0, path);
  }
  const named = new Set((await listBoards()).flatMap((board) => board.kernel.fragments));
  assert.deepEqual([...named, ...OF_TESTS].sort(), paths.sort());
});

test('the fragments of each board agree with each other, and have what init and the agent use', async () => {
  for (const board of await listBoards()) {
    const options = new Map((await optionsOf(board)).map(({ name, value }) => [name, value]));
    assert.ok(options.size > 250, board.name);
    const used =
      'BLK_DEV_INITRD BLK_DEV_LOOP SQUASHFS_ZSTD SQUASHFS_XZ EXT4_FS VFAT_FS OVERLAY_FS DM_VERITY FUSE_FS USER_NS PID_NS NET_NS MEMCG CGROUP_PIDS SECCOMP_FILTER GPIO_SIM GPIO_SYSFS WATCHDOG_CORE USB_NET_CDCETHER PACKET';
    for (const name of used.split(' ')) assert.equal(options.get(`CONFIG_${name}`), 'y', `${board.name}: ${name}`);
    if (board.boot.trial === 'kexec') assert.equal(options.get('CONFIG_KEXEC_FILE'), 'y', board.name);
  }
});

test('boards of one compiler and kernel series share one kernel', async () => {
  const kernels = new Map<string, string>();
  for (const board of await listBoards()) {
    const key = `${board.architecture.crossPrefix}${board.kernel.source}`;
    const options = (await optionsOf(board)).map(({ name, value }) => [name, value]);
    const inputs = JSON.stringify([options, board.kernel.patches]);
    assert.equal(kernels.get(key) ?? inputs, inputs, board.name);
    kernels.set(key, inputs);
  }
});

test('every patch and overlay in a folder is named by a board, and says why it is there', async () => {
  const boards = await listBoards();
  const patches = (await filesBelow('patches', '.patch')).filter((path) => path.split('/').length > 2);
  assert.deepEqual([...new Set(boards.flatMap((board) => board.kernel.patches))].sort(), patches.sort());
  for (const path of patches) assert.match(await readFile(join(folder, path), 'utf8'), /^\S.*\n\n\S/, path);
  const overlays = await filesBelow('overlays', '.dts');
  const named = boards.flatMap((board) => board.kernel.overlays.map((path) => join('overlays', path)));
  assert.deepEqual([...new Set(named)].sort(), overlays.sort());
});

for (const [request, message] of [
  [{ fragments: ['feature/nothing.config'], patches: [] }, /fragment kernel-configs\/feature\/nothing\.config/],
  [{ fragments: ['base.config'], patches: ['patches/nothing.patch'] }, /patch kernel-configs\/patches\/nothing\.patch/],
] as const) {
  test(`a file that does not exist is named before anything is fetched: ${message.source}`, async () => {
    await assert.rejects(buildKernel(context, { arch: 'x86_64', ...request }), (error: unknown) => {
      return isNodeosError(error) && error.code === 'INPUT_INVALID' && message.test(error.message);
    });
  });
}

test("the kernel's architecture follows from the board's", () => {
  assert.equal(kernelArchitecture({ kernel: 'x86', node: 'x64' }), 'x86_64');
  assert.equal(kernelArchitecture({ kernel: 'x86', node: 'ia32' }), 'i386');
  assert.equal(kernelArchitecture({ kernel: 'arm64', node: 'arm64' }), 'arm64');
  assert.equal(kernelArchitecture({ kernel: 'arm', node: 'arm' }), 'arm');
});
