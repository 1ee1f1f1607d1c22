import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate, parser } from 'mqtt-packet';

/**
 * Clients that only connect, subscribe and listen: what any broker must do.
 * @param first number of the first of them
 * @returns how many are subscribed
 */
export function connectBare(port: number, first: number, count: number, onTold: (index: number) => void): () => number {
  let subscribed = 0;
  for (let index = first; index < first + count; index++) {
    const socket = connect(port, '127.0.0.1');
    const reader = parser();
    const clientId = `bare${index}`;
    socket.on('connect', () => {
      const version = { protocolId: 'MQTT', protocolVersion: 4 } as const;
      socket.write(generate({ cmd: 'connect', clientId, clean: true, keepalive: 600, ...version }));
    });
    socket.on('data', (bytes) => reader.parse(bytes));
    socket.on('error', (error) => process.stderr.write(`${clientId}: ${error.message}\n`));
    reader.on('packet', ({ cmd }) => {
      if (cmd === 'connack')
        socket.write(generate({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: `tell/${index}`, qos: 0 }] }));
      if (cmd === 'suback') subscribed++;
      if (cmd === 'publish') onTold(index);
    });
  }
  return () => subscribed;
}

/** Publishes one message to each of the clients over one connection. */
export function tellBare(port: number, count: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    const reader = parser();
    socket.on('error', reject);
    socket.on('data', (bytes) => reader.parse(bytes));
    socket.on('connect', () =>
      socket.write(
        generate({
          cmd: 'connect',
          clientId: 'teller',
          clean: true,
          keepalive: 600,
          protocolId: 'MQTT',
          protocolVersion: 4,
        }),
      ),
    );
    reader.on('packet', () => {
      const payload = JSON.stringify({ kind: 'desired-changed', generation: 1 });
      for (let index = 0; index < count; index++)
        socket.write(generate({ cmd: 'publish', topic: `tell/${index}`, payload, qos: 0, dup: false, retain: false }));
      socket.end(resolve);
    });
  });
}

/** Mosquitto without TLS on loopback; null where it is not installed. */
export async function startMosquitto(port: number): Promise<{ readonly child: ChildProcess; stop(): void } | null> {
  const folder = mkdtempSync(join(tmpdir(), 'nodeos-bench-mosquitto-'));
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(file, `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n`);
  const words = ['-c', 'ulimit -n 65536 2>/dev/null || true; exec mosquitto -c "$0"', file];
  const child = spawn('sh', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  const stop = (): void => {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return new Promise((resolve) => {
    child.on('exit', () => {
      stop();
      resolve(null);
    });
    child.stderr?.on('data', (text: Buffer) => {
      if (text.includes('running') || text.includes('Opening ipv4')) resolve({ child, stop });
    });
  });
}
