import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import { test } from 'node:test';
import { QmpClient, type QmpEvent } from './qmp.ts';

const GREETING = '{"QMP": {"version": {}, "capabilities": []}}\r\n';

/** Answers each command as `reply` says; the greeting comes first, cut in two. */
function peer(reply: (command: string) => object): {
  client: QmpClient;
  commands: string[];
  say: (text: string) => void;
  end: () => void;
} {
  const [ours, theirs] = duplexPair();
  const commands: string[] = [];
  theirs.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString().split('\n').filter(Boolean)) {
      const { execute, id } = JSON.parse(line) as { execute: string; id: number };
      commands.push(execute);
      theirs.write(`${JSON.stringify({ ...reply(execute), id })}\r\n`);
    }
  });
  const client = new QmpClient(ours);
  theirs.write(GREETING.slice(0, 10));
  theirs.write(GREETING.slice(10));
  return { client, commands, say: (text) => void theirs.write(text), end: () => ours.destroy() };
}

test('capabilities are negotiated before the first command', async () => {
  const { client, commands } = peer((command) => ({ return: { was: command } }));
  assert.deepEqual(await client.execute('query-status'), { was: 'query-status' });
  assert.deepEqual(commands, ['qmp_capabilities', 'query-status']);
});

test('a refusal carries QEMU’s own words', async () => {
  const { client } = peer((command) =>
    command === 'qmp_capabilities' ? { return: {} } : { error: { class: 'CommandNotFound', desc: 'no such command' } },
  );
  await assert.rejects(client.execute('nonsense'), /QEMU refused: no such command/);
});

test('events reach the listener between answers', async () => {
  const { client, say } = peer(() => ({ return: {} }));
  const event = new Promise<QmpEvent>((resolve) => client.onEvent(resolve));
  say('{"event": "WATCHDOG", "data": {"action": "reset"}}\r\n');
  assert.deepEqual(await event, { event: 'WATCHDOG', data: { action: 'reset' } });
});

test('a command under way is rejected when QEMU ends', async () => {
  const { client, end } = peer(() => ({ return: {} }));
  await client.execute('query-status');
  const [ours] = duplexPair();
  const silent = new QmpClient(ours);
  const asked = assert.rejects(silent.execute('query-status'), /QEMU ended while it was asked/);
  ours.destroy();
  await asked;
  end();
  await assert.rejects(client.execute('query-status'), /QEMU has ended/);
});
