import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { type ErrorCode, isNodeosError } from '@nodeos/contracts/errors.ts';
import { openSlotDestination } from '../slots/slot-destination.ts';
import { systemDisk } from '../updater/disk.ts';
import { type DownloadSource, download } from './download.ts';
import { type FileDestination, openFileDestination } from './file-destination.ts';
import { answerWith, endlessAnswer, silentAnswer, TestHttp, TestRepository } from './repository.test-support.ts';

const BYTES = randomBytes(300_000);
const limits = { fetchMinBytesPerSecond: 512, fetchRateWindowMs: 40 };

let folder: string;
let http: TestHttp;
let source: DownloadSource;
let destination: FileDestination;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'nodeos-download-'));
  http = new TestHttp(new TestRepository());
  source = serve(BYTES);
  destination = await openFileDestination(systemDisk, join(folder, 'bundles', 'file'));
});
afterEach(async () => {
  await destination.close();
  rmSync(folder, { recursive: true });
});

function serve(bytes: Buffer): DownloadSource {
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  http.repository.blobs.set(`apps/x/${sha256}.any.sqfs`, bytes);
  return { fetchPath: `/targets/apps/x/${sha256}.any.sqfs`, length: bytes.length, sha256 };
}
const refused = (code: ErrorCode, text: RegExp) => (error: unknown) => {
  assert.ok(isNodeosError(error), String(error));
  assert.equal(`${error.code} ${text.test(error.message)}`, `${code} true`, `${error.code}: ${error.message}`);
  return true;
};
/** The connection ends after so many bytes. */
const cutAfter = (bytes: number) => {
  http.intercept = () => {
    http.intercept = () => null;
    return { ...answerWith(200, BYTES.subarray(0, bytes)), headers: {} };
  };
};
const placed = () => readFileSync(join(folder, 'bundles/file'));

test('a file is fetched, verified and put in its place', async () => {
  const percents: number[] = [];
  await download(http, source, destination, { limits, onPercent: (percent) => percents.push(percent) });
  assert.ok(placed().equals(BYTES));
  assert.deepEqual(readdirSync(join(folder, 'bundles')), ['file']);
  assert.equal(percents.at(-1), 100);
  assert.ok(
    percents.length > 5 && percents.every((percent, index) => index === 0 || percent > (percents[index - 1] ?? 0)),
  );
});

test('a broken transfer goes on where it stopped, also after a restart', async () => {
  cutAfter(100_000);
  await assert.rejects(download(http, source, destination, { limits }), refused('FETCH_FAILED', /100000 of 300000/));
  await destination.close();
  assert.ok(!existsSync(join(folder, 'bundles/file')));
  destination = await openFileDestination(systemDisk, join(folder, 'bundles', 'file'));
  await download(http, source, destination, { limits });
  assert.equal(http.requests.at(-1), `${source.fetchPath} bytes=100000-`);
  assert.ok(placed().equals(BYTES));
});

test('what lies there from earlier and is damaged is fetched again, without blame', async () => {
  writeFileSync(join(folder, 'bundles/file.part'), randomBytes(200_000));
  destination = await openFileDestination(systemDisk, join(folder, 'bundles', 'file'));
  await download(http, source, destination, { limits });
  assert.ok(placed().equals(BYTES));
});

test('too much of an earlier attempt is thrown away', async () => {
  writeFileSync(join(folder, 'bundles/file.part'), randomBytes(300_001));
  destination = await openFileDestination(systemDisk, join(folder, 'bundles', 'file'));
  await download(http, source, destination, { limits });
  assert.ok(placed().equals(BYTES));
});

test('a server without ranges sends all, one that refuses the range is asked for all', async () => {
  for (const answer of [() => answerWith(200, BYTES), () => answerWith(416, Buffer.alloc(0))]) {
    destination = await openFileDestination(systemDisk, join(folder, 'bundles', 'file'));
    cutAfter(50_000);
    await assert.rejects(download(http, source, destination, { limits }), refused('FETCH_FAILED', /50000/));
    http.intercept = () => {
      http.intercept = () => null;
      return answer();
    };
    await download(http, source, destination, { limits });
    assert.ok(placed().equals(BYTES));
  }
});

test('after another range than was asked for all is asked for; a range again is refused and not written', async () => {
  for (const range of ['bytes 40000-299999/300000', '', 'bytes 50000-300000/300000']) {
    cutAfter(50_000);
    await assert.rejects(download(http, source, destination, { limits }), refused('FETCH_FAILED', /./));
    http.intercept = () => answerWith(206, BYTES, { 'content-range': range });
    await assert.rejects(download(http, source, destination, { limits }), refused('FETCH_FAILED', /got the range/));
    assert.equal(destination.held, 0);
  }
});

test('a total other than the signed length is refused', async () => {
  cutAfter(50_000);
  await assert.rejects(download(http, source, destination, { limits }), refused('FETCH_FAILED', /./));
  http.intercept = () => answerWith(206, BYTES, { 'content-range': 'bytes 50000-300000/300001' });
  await assert.rejects(download(http, source, destination, { limits }), refused('LENGTH_MISMATCH', /300001/));
  await destination.discard();
  http.intercept = () => answerWith(200, BYTES.subarray(1));
  await assert.rejects(download(http, source, destination, { limits }), refused('LENGTH_MISMATCH', /299999 bytes/));
});

test('endless data ends at the signed length', async () => {
  http.intercept = () => endlessAnswer();
  await assert.rejects(download(http, source, destination, { limits }), refused('LENGTH_MISMATCH', /longer than/));
  assert.deepEqual(readdirSync(join(folder, 'bundles')), []);
});

test('other bytes of the right length are refused and not kept', async () => {
  http.intercept = () => answerWith(200, randomBytes(300_000));
  await assert.rejects(
    download(http, source, destination, { limits }),
    refused('HASH_MISMATCH', new RegExp(source.sha256)),
  );
  assert.deepEqual(readdirSync(join(folder, 'bundles')), []);
});

test('a transfer below the minimum rate is broken off and what came is kept', async () => {
  http.intercept = () => silentAnswer(BYTES.subarray(0, 10));
  await assert.rejects(download(http, source, destination, { limits }), refused('FETCH_STALLED', /only 10 bytes/));
  assert.equal(destination.held, 10);
});

test('a transfer that is no longer wanted ends', async () => {
  const abort = new AbortController();
  http.intercept = () => silentAnswer(BYTES.subarray(0, 1000));
  const running = download(http, source, destination, {
    limits: { ...limits, fetchRateWindowMs: 60_000 },
    signal: abort.signal,
    onPercent: () => abort.abort(),
  });
  await assert.rejects(running, refused('FETCH_FAILED', /aborted|no longer wanted/));
});

test('encoded answers and error answers are refused', async () => {
  http.intercept = () => answerWith(200, BYTES, { 'content-encoding': 'gzip' });
  await assert.rejects(download(http, source, destination, { limits }), refused('FETCH_FAILED', /encoded as gzip/));
  http.intercept = () => answerWith(404, Buffer.from('no'));
  await assert.rejects(download(http, source, destination, { limits }), refused('FETCH_FAILED', /answered 404/));
});

const IMAGE = randomBytes(10 * 1_048_576);
const OLD = Buffer.alloc(12 * 1_048_576, 'old');
const openSlot = (slot: DownloadSource) =>
  openSlotDestination({
    disk: systemDisk,
    partition: join(folder, 'slot'),
    progressPath: join(folder, 'progress.json'),
    length: slot.length,
    sha256: slot.sha256,
  });

function firstBlockIsBlank(): boolean {
  const block = Buffer.alloc(4096, 1);
  const file = openSync(join(folder, 'slot'), 'r');
  readSync(file, block);
  closeSync(file);
  return block.every((byte) => byte === 0);
}

test('a slot is written whole; its first block comes last', async () => {
  writeFileSync(join(folder, 'slot'), OLD);
  const slot = serve(IMAGE);
  const writer = await openSlot(slot);
  let blanked = 0;
  const onPercent = (percent: number) => {
    if (percent < 15) return;
    assert.ok(firstBlockIsBlank());
    blanked++;
  };
  await download(http, slot, writer, { limits, onPercent });
  await writer.close();
  assert.ok(blanked > 0);
  const content = readFileSync(join(folder, 'slot'));
  assert.ok(content.subarray(0, IMAGE.length).equals(IMAGE));
  assert.equal(content.length, OLD.length);
});

test('a slot goes on after a restart, and is only checked again when it is whole', async () => {
  writeFileSync(join(folder, 'slot'), OLD);
  const slot = serve(IMAGE);
  let writer = await openSlot(slot);
  http.intercept = () => {
    http.intercept = () => null;
    return { ...answerWith(200, IMAGE.subarray(0, 5_000_001)), headers: {} };
  };
  await assert.rejects(download(http, slot, writer, { limits }), refused('FETCH_FAILED', /5000001/));
  await writer.close();
  writer = await openSlot(slot);
  await download(http, slot, writer, { limits });
  await writer.close();
  assert.equal(http.requests.at(-1), `${slot.fetchPath} bytes=${4096 * Math.floor(5_000_001 / 4096)}-`);
  assert.ok(readFileSync(join(folder, 'slot')).subarray(0, IMAGE.length).equals(IMAGE));

  const requests = http.requests.length;
  writer = await openSlot(slot);
  await download(http, slot, writer, { limits });
  await writer.close();
  assert.equal(http.requests.length, requests);
});

test('a wrong slot image never gets its first block', async () => {
  writeFileSync(join(folder, 'slot'), OLD);
  const slot = serve(IMAGE);
  const wrong = Buffer.from(IMAGE);
  wrong[9_000_000] = (wrong[9_000_000] as number) ^ 1;
  http.intercept = () => answerWith(200, wrong);
  const writer = await openSlot(slot);
  await assert.rejects(download(http, slot, writer, { limits }), refused('HASH_MISMATCH', /./));
  await writer.close();
  assert.ok(firstBlockIsBlank());
});

test('a slot that is too small or an image of a wrong length is refused before anything is written', async () => {
  writeFileSync(join(folder, 'slot'), OLD.subarray(0, 4 * 1_048_576));
  await assert.rejects(openSlot(serve(IMAGE)), refused('SLOT_TOO_SMALL', /smaller than/));
  await assert.rejects(openSlot(serve(IMAGE.subarray(1))), refused('LENGTH_MISMATCH', /end on a block/));
  assert.ok(readFileSync(join(folder, 'slot')).equals(OLD.subarray(0, 4 * 1_048_576)));
});
