import assert from 'node:assert/strict';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import type { NativeCalls, NetworkCalls } from '../src/ports.ts';
import { loadNative } from './load.ts';
import { buildNative } from './native.testing.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-native-'));
after(() => rmSync(folder, { recursive: true }));
let native: NativeCalls & NetworkCalls;

before(() => {
  native = buildNative(folder);
});

test('the addon has its calls', () => {
  assert.deepEqual(Object.keys(native), ['kexecFileLoad', 'setClock', 'trimMemory', 'connectIn', 'alignedBuffer']);
});

test('memory for direct I/O begins on a page and is zeros; a file is read into it past the page cache', () => {
  const path = join(import.meta.dirname, 'aligned-read.test-file');
  writeFileSync(path, Buffer.alloc(8192, 7));
  try {
    const buffer = native.alignedBuffer(8192);
    assert.deepEqual(buffer, Buffer.alloc(8192));
    const file = openSync(path, constants.O_RDONLY | constants.O_DIRECT);
    try {
      assert.equal(readSync(file, buffer, 0, 8192, 0), 8192);
    } finally {
      closeSync(file);
    }
    assert.deepEqual(buffer, Buffer.alloc(8192, 7));
  } finally {
    rmSync(path);
  }
  for (const bytes of [0, -1, 2 ** 24 + 1]) assert.throws(() => native.alignedBuffer(bytes), /16777216/);
});

test('a kernel that is none, or no right to load one, is an error with its name', () => {
  const path = join(folder, 'no-kernel');
  writeFileSync(path, 'not a kernel');
  const file = openSync(path, 'r');
  try {
    // ENOSYS where the host's kernel has no kexec; the others where it has.
    assert.throws(
      () => native.kexecFileLoad(file, file, 'quiet'),
      /^Error: kexec_file_load: .*\((EPERM|ENOEXEC|ENOSYS)\)/,
    );
    assert.throws(() => native.kexecFileLoad(9999, 9999, ''), /\((EPERM|EBADF|ENOSYS)\)/);
    assert.throws(
      () => native.kexecFileLoad(file, file, 'x'.repeat(2048)),
      (error) => (error as NodeJS.ErrnoException).code === 'EINVAL' && /too long/.test(String(error)),
    );
  } finally {
    closeSync(file);
  }
});

test('a time that is none is refused', () => {
  for (const time of [-1, Number.NaN, Number.POSITIVE_INFINITY, 1e18])
    assert.throws(() => native.setClock(time), /clock_settime: .*\(EINVAL\)/);
});

test('wrong arguments are refused', () => {
  const calls = native as unknown as Record<string, (...values: unknown[]) => void>;
  for (const values of [[], [1, 2], ['a', 1, ''], [1, 2, 3]])
    assert.throws(() => calls.kexecFileLoad?.(...values), /two file descriptors/);
  for (const values of [[], ['now']]) assert.throws(() => calls.setClock?.(...values), /milliseconds/);
});

test('an addon that is missing or damaged is an error with a code', () => {
  assert.throws(
    () => loadNative(join(folder, 'none.node')),
    (error) => isNodeosError(error) && /none\.node/.test(error.message),
  );
});
