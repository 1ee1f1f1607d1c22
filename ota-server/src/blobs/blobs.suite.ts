import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import type { Blobs } from './blobs.ts';

const sha256 = (octets: Buffer): string => createHash('sha256').update(octets).digest('hex');

/** What every implementation of Blobs must do. `open` gives an empty one that takes 1 MiB at most. */
export function testBlobs(name: string, open: (context: TestContext) => Promise<Blobs>): void {
  const octets = Buffer.from('some octets of a bundle');
  const hash = sha256(octets);

  test(`${name}: a blob comes back whole and in parts, and is stored once`, async (context) => {
    const blobs = await open(context);
    assert.equal(await blobs.size(hash), null);
    assert.equal(await blobs.put(hash, Readable.from([octets.subarray(0, 5), octets.subarray(5)])), true);
    assert.equal(await blobs.put(hash, Readable.from([octets])), false);
    assert.equal(await blobs.size(hash), octets.length);
    assert.deepEqual(await buffer(await blobs.read(hash)), octets);
    assert.deepEqual(await buffer(await blobs.read(hash, { start: 5, end: 7 })), octets.subarray(5, 8));
    assert.equal(await blobs.verify(hash), true);
  });

  test(`${name}: other octets than the name says are refused and nothing is kept`, async (context) => {
    const blobs = await open(context);
    await assert.rejects(blobs.put(hash, Readable.from([Buffer.from('others')])), { code: 'HASH_MISMATCH' });
    assert.equal(await blobs.size(hash), null);
    await assert.rejects(blobs.read(hash), { code: 'NOT_FOUND' });
  });

  test(`${name}: a blob over the limit and an upload that breaks off are refused`, async (context) => {
    const blobs = await open(context);
    const large = Buffer.alloc(1_048_577);
    await assert.rejects(blobs.put(sha256(large), Readable.from([large])), { code: 'PAYLOAD_TOO_LARGE' });
    const broken = Readable.from(
      (async function* () {
        yield octets;
        throw new Error('connection lost');
      })(),
    );
    await assert.rejects(blobs.put(hash, broken), /connection lost/);
    assert.equal(await blobs.size(hash), null);
  });

  test(`${name}: an empty blob is a blob`, async (context) => {
    const blobs = await open(context);
    const empty = sha256(Buffer.alloc(0));
    assert.equal(await blobs.put(empty, Readable.from([])), true);
    assert.equal(await blobs.size(empty), 0);
    assert.equal((await buffer(await blobs.read(empty))).length, 0);
  });
}
