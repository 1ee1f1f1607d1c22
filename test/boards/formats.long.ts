import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { build } from '../support/build.ts';
import { runFormat } from '../support/run-format.ts';
import { cannotEmulate } from './life.ts';

/** How a disc may be started, by board: as a CD, or written to a stick. The stick with BIOS is in the system tests. */
const STARTS: Readonly<
  Record<string, readonly { readonly medium: 'CD' | 'stick'; readonly args: readonly string[] }[]>
> = {
  'x86_64-usb': [
    { medium: 'CD', args: ['--firmware', 'bios'] },
    { medium: 'CD', args: ['--firmware', 'uefi'] },
    { medium: 'stick', args: ['--firmware', 'uefi', '--bus', 'usb', '--memory', '256'] },
  ],
  'i686-usb': [
    { medium: 'CD', args: [] },
    { medium: 'stick', args: ['--bus', 'usb'] },
  ],
  'arm64-uefi': [
    { medium: 'CD', args: [] },
    { medium: 'stick', args: ['--bus', 'usb'] },
  ],
};

for (const [board, starts] of Object.entries(STARTS)) {
  describe(`the iso of ${board}`, () => {
    for (const { medium, args } of starts) {
      test(`runs its app from a ${medium}: ${args.join(' ') || 'as it is'}`, async (t) => {
        const reason = await cannotEmulate(board);
        if (reason !== false) return t.skip(reason);
        const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-disc-'));
        try {
          const words = ['--board', board, '--app', 'examples/hello', '--format', 'iso', '--out', folder];
          const { files } = await build(words);
          const { console, answer } = await runFormat(files.iso as string, ['--board', board, ...args]);
          assert.equal(answer.name, 'hello');
          const inRam = /init: data is in RAM and will be lost: started from a CD/;
          assert.equal(inRam.test(console), medium === 'CD', 'data is in RAM on a CD, and only there');
        } finally {
          rmSync(folder, { recursive: true, force: true });
        }
      });
    }
  });
}
