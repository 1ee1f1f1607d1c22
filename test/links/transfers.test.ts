import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { createServerHttp } from '@nodeos/device-agent/src/transport/http.ts';
import { type Destination, download } from '@nodeos/device-agent/src/trust/download.ts';
import { openFileDestination } from '@nodeos/device-agent/src/trust/file-destination.ts';
import { systemDisk } from '@nodeos/device-agent/src/updater/disk.ts';
import { temporaryFolder } from '../fuzz/folder.ts';
import { type Handler, makeTlsIdentity, startServer, type TlsIdentity } from './misbehaving-server.ts';

const BYTES = randomBytes(400_000);
const SOURCE = {
  fetchPath: '/targets/x',
  length: BYTES.length,
  sha256: createHash('sha256').update(BYTES).digest('hex'),
};
const LIMITS = { fetchMinBytesPerSecond: 100_000, fetchRateWindowMs: 200 };
const identity: TlsIdentity = await makeTlsIdentity();

/** Fetches over real HTTPS; each attempt opens the destination anew, as after a restart. */
async function fetcher(t: TestContext, handler: Handler) {
  const server = await startServer(t, identity, handler);
  const http = createServerHttp(server.url, identity.ca, () => {});
  t.after(() => http.close());
  const path = join(temporaryFolder(), 'file');
  async function attempt(): Promise<string> {
    const destination: Destination & { close(): Promise<void> } = await openFileDestination(systemDisk, path);
    try {
      await download(http, SOURCE, destination, { limits: LIMITS });
      return 'whole';
    } catch (error) {
      assert.ok(isNodeosError(error), String(error));
      return error.code;
    } finally {
      await destination.close();
    }
  }
  const ranges = () => server.requests.map(({ headers }) => headers.range ?? 'all');
  return { attempt, ranges, content: () => readFileSync(path) };
}

/** Answers as it should, from the byte that was asked for; `end` bytes at most. */
function answer(response: ServerResponse, range: string | undefined, bytes = BYTES, end = bytes.length): void {
  const start = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
  response.statusCode = start > 0 ? 206 : 200;
  if (start > 0) response.setHeader('content-range', `bytes ${start}-${bytes.length - 1}/${bytes.length}`);
  response.setHeader('content-length', bytes.length - start);
  response.write(bytes.subarray(start, end), () => (end < bytes.length ? response.destroy() : response.end()));
}

test('a truncated transfer goes on at the byte where it stopped, again and again', async (t) => {
  const { attempt, ranges, content } = await fetcher(t, (request, response, count) =>
    answer(response, request.headers.range, BYTES, Math.min(BYTES.length, count * 150_000)),
  );
  assert.deepEqual([await attempt(), await attempt(), await attempt()], ['FETCH_FAILED', 'FETCH_FAILED', 'whole']);
  // A broken connection loses what was under way: how far it came is the device's to know.
  const starts = ranges().map((range) => Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0));
  assert.ok(starts.length === 3 && starts[0] === 0 && (starts[1] ?? 0) > 0, String(starts));
  assert.ok((starts[2] ?? 0) > (starts[1] ?? 0), String(starts));
  assert.ok(content().equals(BYTES));
});

test('a stalled transfer is left by its rate, and goes on later', async (t) => {
  const { attempt, ranges, content } = await fetcher(t, (request, response, count) => {
    if (count > 1) return answer(response, request.headers.range);
    response.writeHead(200, { 'content-length': BYTES.length });
    response.write(BYTES.subarray(0, 50_000));
  });
  assert.deepEqual([await attempt(), await attempt()], ['FETCH_STALLED', 'whole']);
  assert.deepEqual(ranges(), ['all', 'bytes=50000-']);
  assert.ok(content().equals(BYTES));
});

test('a transfer that trickles below the minimum rate is left', async (t) => {
  const { attempt } = await fetcher(t, (_request, response) => {
    response.writeHead(200, { 'content-length': BYTES.length });
    const timer = setInterval(() => response.write('x'), 20);
    response.on('close', () => clearInterval(timer));
  });
  assert.equal(await attempt(), 'FETCH_STALLED');
});

test('an endless transfer ends at the signed length', async (t) => {
  const { attempt } = await fetcher(t, (_request, response) => {
    const piece = Buffer.alloc(65_536);
    const pour = () => response.destroyed || response.write(piece, pour);
    pour();
  });
  assert.equal(await attempt(), 'LENGTH_MISMATCH');
});

test('a wrong Content-Range: all is asked for, and comes', async (t) => {
  const { attempt, ranges, content } = await fetcher(t, (request, response, count) => {
    if (count === 1) return answer(response, undefined, BYTES, 100_000);
    if (!request.headers.range) return answer(response, undefined);
    response.writeHead(206, { 'content-range': 'bytes 0-9/400000' });
    response.end(BYTES.subarray(0, 10));
  });
  assert.deepEqual([await attempt(), await attempt()], ['FETCH_FAILED', 'whole']);
  assert.match(ranges().join(' '), /^all bytes=\d+- all$/);
  assert.ok(content().equals(BYTES));
});

test('a file that changed under way is fetched anew when it is right again, and never put in place before', async (t) => {
  const other = randomBytes(BYTES.length);
  const { attempt, content } = await fetcher(t, (request, response, count) => {
    if (count === 1) return answer(response, request.headers.range, BYTES, 100_000);
    return answer(response, request.headers.range, count === 2 ? other : BYTES);
  });
  assert.equal(await attempt(), 'FETCH_FAILED');
  assert.equal(await attempt(), 'whole');
  assert.ok(content().equals(BYTES));
});

for (const [status, headers] of [
  [500, {}],
  [502, {}],
  [503, { 'retry-after': '1' }],
  [404, {}],
  [301, { location: 'https://127.0.0.1:1/elsewhere' }],
  [307, { location: '/targets/y' }],
] as const) {
  test(`an answer of ${status} is a fault that passes, and is not followed anywhere`, async (t) => {
    const { attempt, ranges, content } = await fetcher(t, (request, response, count) => {
      if (count > 1) return answer(response, request.headers.range);
      response.writeHead(status, headers);
      response.end('<html>sorry</html>');
    });
    assert.deepEqual([await attempt(), await attempt()], ['FETCH_FAILED', 'whole']);
    assert.deepEqual(ranges(), ['all', 'all']);
    assert.ok(content().equals(BYTES));
  });
}
