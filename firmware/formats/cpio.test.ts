import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runTool } from '../run-tool.ts';
import { type CpioEntry, encodeCpio } from './cpio.ts';

const entries: CpioEntry[] = [
  { kind: 'file', path: 'init', mode: 0o755, content: Buffer.from('four!') },
  { kind: 'directory', path: 'dev', mode: 0o755 },
  { kind: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
  { kind: 'symlink', path: 'sbin', mode: 0o777, target: 'usr/sbin' },
  { kind: 'file', path: 'ümläut', mode: 0o644, content: Buffer.alloc(3) },
];

describe('cpio', () => {
  it('is listed by cpio with modes, owners, devices and links', async () => {
    const input = encodeCpio(entries, 1_700_000_000);
    const listing = (await runTool('cpio', ['-tv', '--numeric-uid-gid'], { input })).stdout.toString().trim();
    const rows = listing.split('\n').map((line) => line.replace(/\s+/g, ' ').replace(/ Nov 14 2023/, ''));
    assert.deepEqual(rows, [
      'drwxr-xr-x 2 0 0 0 dev',
      'crw------- 1 0 0 5, 1 dev/console',
      '-rwxr-xr-x 1 0 0 5 init',
      'lrwxrwxrwx 1 0 0 8 sbin -> usr/sbin',
      '-rw-r--r-- 1 0 0 3 ümläut',
    ]);
  });

  it('is unpacked by cpio with the bytes that went in', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'nodeos-cpio-'));
    try {
      const content = Buffer.from(Array.from({ length: 1001 }, (_, index) => index & 255));
      const input = encodeCpio([{ kind: 'file', path: 'file', mode: 0o600, content }], 0);
      await runTool('cpio', ['-i'], { input, cwd: folder });
      await writeFile(join(folder, 'expected'), content);
      await runTool('cmp', ['file', 'expected'], { cwd: folder });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('gives the same bytes whatever the order of the entries', () => {
    assert.ok(encodeCpio([...entries].reverse(), 7).equals(encodeCpio(entries, 7)));
  });
});
