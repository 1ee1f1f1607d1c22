import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { testBlobs } from './blobs.suite.ts';
import { incomingCount, openFileBlobs } from './file-blobs.ts';
import { parseRange } from './send-blob.ts';

testBlobs('files', async (context) => openFileBlobs(await temporaryFolder(context), 1_048_576));

test('files: plain layout, no leftovers after a refusal, a damaged blob is healed by the next upload', async (context) => {
  const folder = await temporaryFolder(context);
  const blobs = await openFileBlobs(folder, 1_048_576);
  const octets = Buffer.from('bundle');
  const hash = createHash('sha256').update(octets).digest('hex');
  await assert.rejects(blobs.put(hash, Readable.from(['x'])), { code: 'HASH_MISMATCH' });
  assert.equal(await incomingCount(folder), 0);
  await blobs.put(hash, Readable.from([octets]));
  const path = join(folder, hash.slice(0, 2), hash);
  assert.equal((await stat(path)).size, 6);
  await writeFile(path, 'bundlE');
  assert.equal(await blobs.verify(hash), false);
  assert.equal(await blobs.put(hash, Readable.from([octets])), true);
  assert.equal(await blobs.verify(hash), true);
});

test('ranges: the cases of RFC 9110, 14.1.2', () => {
  assert.deepEqual(parseRange('bytes=0-499', 10_000), { start: 0, end: 499 });
  assert.deepEqual(parseRange('bytes=-500', 10_000), { start: 9500, end: 9999 });
  assert.deepEqual(parseRange('bytes=9500-', 10_000), { start: 9500, end: 9999 });
  assert.deepEqual(parseRange('bytes=9500-20000', 10_000), { start: 9500, end: 9999 });
  assert.deepEqual(parseRange('bytes=-20000', 10_000), { start: 0, end: 9999 });
  assert.equal(parseRange('bytes=10000-', 10_000), 'unsatisfiable');
  assert.equal(parseRange('bytes=-0', 10_000), 'unsatisfiable');
  for (const ignored of ['bytes=5-2', 'bytes=a-b', 'items=0-1', 'bytes=0-1,4-5', 'bytes=-'])
    assert.equal(parseRange(ignored, 10), null);
});
