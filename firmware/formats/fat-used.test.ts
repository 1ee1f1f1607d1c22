import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runTool } from '../run-tool.ts';
import { makeFat } from './fat.ts';
import { fatUsedBytes } from './fat-used.ts';

const MIB = 1024 * 1024;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-fat-used-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function volume(bytes: number, content: Buffer): Promise<string> {
  const [output, source] = [join(folder, 'volume.fat'), join(folder, 'file')];
  await writeFile(source, content);
  const files = [{ path: 'folder/file', source }];
  await makeFat({ output, bytes, label: 'X', volumeId: 1, modified: 0, files }, new AbortController().signal);
  return output;
}

describe('fatUsedBytes', () => {
  for (const bytes of [4 * MIB, 32 * MIB]) {
    it(`is all that matters of a volume of ${bytes / MIB} MiB: with the rest overwritten, all is there`, async () => {
      // Zeros at its end count too.
      const content = Buffer.concat([Buffer.alloc(100_000, 'x'), Buffer.alloc(50_000)]);
      const path = await volume(bytes, content);
      const used = await fatUsedBytes(path);
      assert.ok(used > content.length && used < content.length + 200_000, `${used} bytes`);
      const whole = await readFile(path);
      await writeFile(path, whole.fill(0xee, used));
      await runTool('fsck.fat', ['-n', path]);
      assert.deepEqual((await runTool('mtype', ['-i', path, '::/folder/file'])).stdout, content);
    });
  }

  it('ends with the last cluster of the last file', async () => {
    const path = await volume(4 * MIB, Buffer.alloc(100_000, 'x'));
    const bytes = await readFile(path);
    const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
    const used = await fatUsedBytes(path);
    assert.ok(used >= end && used - end < 512, `${used} bytes, the last that is not zero at ${end}`);
  });

  it('refuses another kind of volume', async () => {
    const path = join(folder, 'other');
    await writeFile(path, Buffer.alloc(4096));
    await assert.rejects(fatUsedBytes(path), { code: 'INPUT_INVALID' });
  });
});
