import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { test } from 'node:test';
import { measureOutage, RequestLoop } from './request-loop.ts';

function listen(version: string, port = 0): Promise<{ server: Server; port: number }> {
  const server = createServer((_request, response) => response.end(JSON.stringify({ version })));
  return new Promise((resolve) => {
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve({ server, port: typeof address === 'object' && address !== null ? address.port : 0 });
    });
  });
}

const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

test('the outage is the longest gap between good answers, less the usual spacing', () => {
  const good = [0, 10, 20, 30, 230, 240, 250].map((at) => ({ at, version: at < 100 ? '1' : '2' }));
  assert.deepEqual(measureOutage(good, 7), {
    milliseconds: 190,
    spacingMs: 10,
    answers: 7,
    failures: 7,
    versions: ['1', '2'],
  });
  assert.equal(measureOutage([], 3).milliseconds, 0);
});

test('a server that is replaced is seen with its old and its new version', async () => {
  const old = await listen('1.0.0');
  const loop = new RequestLoop({ url: `http://127.0.0.1:${old.port}/`, requestLimitMs: 500, pauseMs: 1 });
  await loop.next((version) => version === '1.0.0', 5_000, 'no first answer');
  await close(old.server);
  const fresh = await listen('2.0.0', old.port);
  await loop.next((version) => version === '2.0.0', 5_000, 'no second answer');
  const outage = await loop.stop();
  await close(fresh.server);
  assert.deepEqual(outage.versions, ['1.0.0', '2.0.0']);
  assert.ok(outage.milliseconds < 5_000);
});

test('an answer that never comes rejects with the message', async () => {
  const loop = new RequestLoop({ url: 'http://127.0.0.1:1/', requestLimitMs: 100, pauseMs: 1 });
  await assert.rejects(
    loop.next(() => true, 30, 'nobody answered'),
    /nobody answered/,
  );
  const outage = await loop.stop();
  assert.equal(outage.answers, 0);
  assert.ok(outage.failures > 0);
});
