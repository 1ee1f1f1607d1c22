import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { assetPath } from '../assets.ts';
import { mergeOptions, parseFragment } from '../plan/kernel-options.ts';
import { buildKernel, kernelArchitecture } from './kernel.ts';

const context = {
  cacheRoot: join(tmpdir(), 'nodeos-kernel-test-unused'),
  signal: new AbortController().signal,
  progress: () => {},
  locked: false,
};

test('every fragment parses, starts with what it is for, and all agree with each other', async () => {
  const folder = assetPath('kernel-configs');
  const paths = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.config'));
  assert.ok(paths.length > 10);
  const fragments = await Promise.all(
    paths.map(async (path) => {
      const text = await readFile(join(folder, path), 'utf8');
      assert.match(text, /^# \S/, path);
      return parseFragment(text, path);
    }),
  );
  assert.ok(mergeOptions(fragments).length > 300);
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
});
