import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { buildNative } from '../../native/native.testing.ts';
import { connectInside, connectOutside } from './app-network.ts';
import { probeOnce } from './probe.ts';

const PORT = 8080;
/** Answers one line over TCP at PORT, and HTTP at the port above. */
const SERVER = `
const answer = (socket) => socket.on('end', () => socket.end('from inside')).resume();
require('node:net').createServer({ allowHalfOpen: true }, answer).listen(${PORT}, '127.0.0.1', () =>
  require('node:http').createServer((request, response) => response.end()).listen(${PORT + 1}, '127.0.0.1', () =>
    console.log('ready')));
`;
const skip = process.getuid?.() === 0 ? false : 'another network needs root rights';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-network-'));
let app: ChildProcess;
let connect: ReturnType<typeof connectInside>;
before(async () => {
  if (skip) return;
  const script = `ip link set lo up && exec "$0" --eval "$1"`;
  app = spawn('unshare', ['--net', 'sh', '-c', script, process.execPath, SERVER], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(app.stdout as NodeJS.ReadableStream, 'data');
  connect = connectInside(buildNative(folder), app.pid as number);
});
after(() => {
  app?.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

const textOf = async (socket: ReturnType<typeof connectOutside>): Promise<string> => {
  socket.end();
  return Buffer.concat(await socket.toArray()).toString();
};

test('a port in a network of its own is reached, the same port of this one is not', { skip }, async (t) => {
  const outside = createServer((socket) => socket.end('from outside')).listen(PORT, '127.0.0.1');
  await once(outside, 'listening');
  t.after(() => outside.close());
  assert.equal(await textOf(connect(PORT, { allowHalfOpen: true })), 'from inside');
  assert.equal(await textOf(connectOutside(PORT)), 'from outside');
  const [own, now] = ['self', 'thread-self'].map((name) =>
    execFileSync('readlink', [`/proc/${name}/ns/net`]).toString(),
  );
  assert.equal(own, now);
});

test('what does not answer, or is no process, or has not entered its network, is an error', { skip }, async () => {
  for (const [open, pattern] of [
    [() => connect(1), /ECONNREFUSED/],
    [() => connectInside(buildNative(folder), 4_194_000)(PORT), /ENOENT/],
    [() => connectInside(buildNative(folder), process.pid)(PORT), /ENETDOWN/],
    [() => connectInside(null, app.pid as number)(PORT), /addon/],
  ] as const) {
    const [error] = await once(open(), 'error');
    assert.match(String(error), pattern);
  }
});

test('probes go where the app is', { skip }, async () => {
  await probeOnce({ ports: [PORT], probe: null }, connect);
  await probeOnce({ ports: [PORT + 1], probe: '/' }, connect);
  await assert.rejects(probeOnce({ ports: [1], probe: null }, connect), /port 1: .*ECONNREFUSED/);
  await assert.rejects(probeOnce({ ports: [1], probe: '/' }, connect), /GET \/ on port 1: .*ECONNREFUSED/);
});
