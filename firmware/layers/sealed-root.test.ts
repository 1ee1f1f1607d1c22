import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { exampleBoard } from '../plan/example-board.testing.ts';
import { runTool } from '../run-tool.ts';
import { LayerFixture } from './layer-fixture.testing.ts';
import { sealRoot } from './sealed-root.ts';

const BYTES = 300_001;
const BLOCKS = 74;
const HASH = 'ab'.repeat(32);
const verityBoard = { ...exampleBoard, verity: true };
let fixture: LayerFixture;
before(async () => {
  fixture = await LayerFixture.make();
});
after(() => fixture.remove());

const root = async (content: Uint8Array) => ({
  ...(await fixture.artefact(HASH, { 'rootfs.sqfs': content })),
  hash: HASH,
});

/** The tool's own reader: it fails where a block does not fit its hash. */
function verify(file: string, rootHash: string): Promise<unknown> {
  const where = [`--hash-offset=${BLOCKS * 4096}`, `--data-blocks=${BLOCKS}`, '--no-superblock', `--salt=${HASH}`];
  return runTool('veritysetup', ['verify', ...where, '--hash=sha256', file, file, rootHash]);
}

describe('a root with hashes', () => {
  it('holds to its word, and no longer when one byte of it is another', async () => {
    const content = randomBytes(BYTES);
    const { board, rootfs } = await sealRoot(fixture.context(), verityBoard, await root(content));
    const found = / nodeos\.verity=([0-9a-f]{64}),(\d+),([0-9a-f]{64})$/.exec(` ${board.kernel.commandLine}`);
    assert.deepEqual(found?.slice(2), [String(BLOCKS), HASH]);
    const file = join(rootfs.dir, 'rootfs.sqfs');
    const sealed = await readFile(file);
    assert.ok(sealed.subarray(0, BYTES).equals(content));
    assert.ok(sealed.length > BLOCKS * 4096);
    const rootHash = found?.[1] as string;
    await verify(file, rootHash);
    const changed = join(fixture.folder, 'changed');
    sealed.writeUInt8(sealed.readUInt8(200_000) ^ 1, 200_000);
    await writeFile(changed, sealed);
    await assert.rejects(verify(changed, rootHash), { code: 'TOOL_FAILED' });
  });

  it('has the same bytes and the same word each time', async () => {
    const from = await root(Buffer.alloc(BYTES, 'root'));
    const [one, other] = await Promise.all(
      ['one', 'other'].map((cache) => sealRoot(fixture.context(cache), verityBoard, from)),
    );
    assert.equal(one?.board.kernel.commandLine, other?.board.kernel.commandLine);
    const [a, b] = await Promise.all(
      [one, other].map(async (made) => readFile(join(made?.rootfs.dir ?? '', 'rootfs.sqfs'))),
    );
    assert.ok(a?.equals(b as Buffer));
  });

  it('is the root itself for a board that does not ask', async () => {
    const from = await root(Buffer.alloc(BYTES));
    assert.deepEqual(await sealRoot(fixture.context('none'), exampleBoard, from), {
      board: exampleBoard,
      rootfs: from,
    });
    await assert.rejects(stat(join(fixture.folder, 'none')), { code: 'ENOENT' });
  });
});
