import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { ImageHash } from './image-hash.ts';

test('the hash of data and counted zeros is that of the whole, however often it is asked for', async (t) => {
  const hash = new ImageHash();
  t.after(() => hash.close());
  const judge = createHash('sha256');
  for (let round = 0; round < 12; round++) {
    const chunk = randomBytes(300_000 + round);
    await hash.update(chunk);
    judge.update(chunk);
    chunk.fill(0);
    hash.addZeros(1_500_000 * round);
    judge.update(Buffer.alloc(1_500_000 * round));
  }
  const expected = judge.digest('hex');
  assert.deepEqual(await Promise.all([hash.digest(), hash.digest()]), [expected, expected]);
});

test('one that is ended early says so, and holds nothing up', async () => {
  const hash = new ImageHash();
  hash.addZeros(1_000_000_000_000);
  const asked = assert.rejects(hash.digest(), { code: 'INTERNAL' });
  await hash.close();
  await asked;
  await assert.rejects(hash.update(Buffer.alloc(1)), { code: 'INTERNAL' });
});
