import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { copySparse } from './sparse.ts';

it('copySparse copies the bytes and leaves holes where the source has zeros', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-sparse-'));
  try {
    const source = Buffer.concat([Buffer.alloc(5000, 1), Buffer.alloc(8 * 1024 * 1024), Buffer.from('end')]);
    await writeFile(join(folder, 'source'), source);
    const image = await open(join(folder, 'image'), 'w+');
    await image.truncate(16 * 1024 * 1024);
    const written = await copySparse(join(folder, 'source'), image, 4096, new AbortController().signal);
    await image.close();
    assert.ok(written < 20_000, `${written} bytes were written`);
    const copy = await readFile(join(folder, 'image'));
    assert.ok(copy.subarray(4096, 4096 + source.length).equals(source));
    assert.equal(copy.length, 16 * 1024 * 1024);
    assert.ok((await stat(join(folder, 'image'))).blocks * 512 < 1024 * 1024);
  } finally {
    await rm(folder, { recursive: true });
  }
});
