import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { inputsOf, openResults, rowsOf } from './qemu/results.ts';

const TRIED = { number: 3, writes: 40, at: 7, losses: 'some lost', seed: 1, seconds: 12 };

test('a walk goes on where it was broken off, and never counts what another system survived', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'nodeos-results-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'results');
  const first = openResults(file, 'one');
  first.add({ ...TRIED, phase: 'app install', fault: null });
  first.add({ ...TRIED, phase: 'app install', number: 4, fault: 'it did not boot' });
  openResults(file, 'other').add({ ...TRIED, phase: 'first boot', fault: null });

  const again = openResults(file, 'one');
  assert.deepEqual(
    [3, 4, 5].map((number) => again.has('app install', number)),
    [true, true, false],
  );
  assert.equal(again.has('first boot', 3), false);
  again.add({ ...TRIED, phase: 'first boot', writes: 50, fault: null });
  const rows = rowsOf(again.all);
  assert.deepEqual(
    rows.map(({ scenario, operations, tried, survived }) => [scenario, operations, tried, survived]),
    [
      ['app install', 40, 2, 1],
      ['first boot', 50, 1, 1],
    ],
  );
  assert.match(rows[0]?.faults[0] ?? '', /cut at write 7, some lost, seed 1: it did not boot/);
  assert.equal(readFileSync(file, 'utf8').trim().split('\n').length, 4);
});

test('another kernel, root, init or command line is another system; another version or key is not', () => {
  const file = (letter: string) => ({ bytes: 1, sha256: letter.repeat(64) });
  const manifest = {
    ...{
      format: 1,
      board: 'x86_64-usb',
      version: '1.0.0',
      buildTime: 1,
      kernelRelease: '6.12.0',
      nodeVersion: '24.21.0',
    },
    boot: { chain: 'grub', trial: 'kexec' },
    commandLine: 'quiet',
    files: { kernel: file('a'), 'initramfs.img': file('b'), 'rootfs.sqfs': file('c'), 'root.json': file('d') },
  };
  const inputs = inputsOf(manifest);
  assert.equal(
    inputsOf({ ...manifest, version: '2.0.0', files: { ...manifest.files, 'root.json': file('e') } }),
    inputs,
  );
  for (const name of ['kernel', 'initramfs.img', 'rootfs.sqfs'])
    assert.notEqual(inputsOf({ ...manifest, files: { ...manifest.files, [name]: file('e') } }), inputs);
  assert.notEqual(inputsOf({ ...manifest, commandLine: 'loud' }), inputs);
});
