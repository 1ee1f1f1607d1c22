import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { test } from 'node:test';
import { startCountingRelay } from './fleet-relay.ts';

test('a relay counts the octets of both directions, and ends one side with the other', async (context) => {
  const echo = createServer((socket) => socket.on('data', (bytes) => socket.write(Buffer.concat([bytes, bytes]))));
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  context.after(() => echo.close());
  const relay = await startCountingRelay((echo.address() as AddressInfo).port);
  context.after(() => relay.close());

  const socket = connect(relay.port, '127.0.0.1');
  socket.write('12345');
  let received = 0;
  for await (const bytes of socket) {
    received += (bytes as Buffer).length;
    if (received === 10) break;
  }
  assert.equal(relay.octets(), 15);

  const accepted = once(echo, 'connection');
  const left = connect(relay.port, '127.0.0.1');
  const [inside] = await accepted;
  const ended = once(inside, 'close');
  left.resetAndDestroy();
  await ended;
});
