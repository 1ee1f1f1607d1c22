import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createServer, type TLSSocket } from 'node:tls';
import { connectBroker } from '@nodeos/device-agent/src/transport/mqtt.ts';
import { generate, parser } from 'mqtt-packet';
import { makeTlsIdentity } from './misbehaving-server.ts';

/** A broker that lets in who comes, and a device whose timers are the test's. */
async function begin(context: TestContext) {
  const tls = await makeTlsIdentity();
  const arrivals: TLSSocket[] = [];
  const server = createServer({ key: tls.key, cert: tls.cert }, (socket) => {
    const reader = parser();
    reader.on('packet', ({ cmd, ...packet }) => {
      const messageId = 'messageId' in packet ? (packet.messageId as number) : 0;
      if (cmd === 'connect') socket.write(generate({ cmd: 'connack', returnCode: 0, sessionPresent: false }));
      if (cmd === 'publish') socket.write(generate({ cmd: 'puback', messageId }));
      if (cmd === 'subscribe') socket.write(generate({ cmd: 'suback', messageId, granted: [1, 1] }));
    });
    socket.on('data', (bytes) => reader.parse(bytes));
    socket.on('error', () => undefined);
    arrivals.push(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  const counts = { connected: 0, disconnected: 0 };
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const connection = connectBroker({
    url: `mqtts://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ...{ deviceId: '0123456789abcdef', ca: tls.ca, identity: { certificate: tls.cert, key: tls.key } },
    ...{ onTell() {}, onReplInput() {}, log() {} },
    onConnected: () => void counts.connected++,
    onDisconnected: () => void counts.disconnected++,
  });
  context.after(() => connection.close());
  const turnsUntil = async (what: string, check: () => boolean): Promise<void> => {
    for (let turn = 0; turn < 200_000; turn++) {
      if (check()) return;
      await nextTurn();
    }
    assert.fail(`${what} did not come`);
  };
  return {
    connection,
    arrivals,
    /** The device is in for the n-th time. */
    isIn: (times: number) => turnsUntil(`connection ${times}`, () => counts.connected === times),
    async drop() {
      const before = counts.disconnected;
      arrivals.at(-1)?.destroy();
      await turnsUntil('the loss', () => counts.disconnected === before + 1);
      await nextTurn();
    },
    pass: (milliseconds: number) => context.mock.timers.tick(milliseconds),
  };
}

test('a broker that loses devices as soon as it has let them in is asked ever more rarely', async (context) => {
  const { arrivals, isIn, drop, pass } = await begin(context);
  await isIn(1);
  const waits = Array.from({ length: 9 }, (_, doublings) => 500 * 2 ** doublings);
  for (const [index, waitMs] of waits.entries()) {
    await drop();
    // Half of each wait is fixed.
    pass(waitMs / 2 - 1);
    for (let turn = 0; turn < 50; turn++) await nextTurn();
    assert.equal(arrivals.length, index + 1, `too early after ${index + 1} losses`);
    pass(waitMs / 2 + 1);
    await isIn(index + 2);
  }
  // One that holds counts as new when it is lost at last.
  pass(60_000);
  await drop();
  pass(500);
  await isIn(waits.length + 2);
});

test('a device that waits for its broker comes at once when it is told to', async (context) => {
  const { connection, isIn, drop } = await begin(context);
  await isIn(1);
  await drop();
  connection.retryNow();
  await isIn(2);
});
