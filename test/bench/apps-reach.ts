import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bundleScript } from '@nodeos/firmware/layers/agent.ts';
import { percentile } from './percentile.ts';
import type { Measurement } from './table.ts';

const PROXY = new URL('./apps-proxy.ts', import.meta.url).pathname;
const CONNECTIONS = 16;
const WARM_UP = 200;
const REQUESTS = 2_000;
/** By turns, for what else the machine does comes and goes. */
const ROUNDS = 5;
const LARGE_BYTES = 32 * 1_048_576;

/** The device's proxy beside the app's own socket, on this machine and with the flags of the x86_64 board. */
export async function measureAppProxy(): Promise<Measurement[]> {
  const large = Buffer.alloc(1_048_576);
  const app = createServer(({ url }, answer) => {
    if (url !== '/large') return void answer.end('well');
    answer.writeHead(200, { 'content-length': LARGE_BYTES });
    let left = LARGE_BYTES / large.length;
    const more = (): void => {
      while (left-- > 0) if (!answer.write(large)) return void answer.once('drain', more);
      answer.end();
    };
    more();
  });
  await once(app.listen(0, '127.0.0.1'), 'listening');
  const direct = (app.address() as AddressInfo).port;
  const { node } = await loadBoard('x86_64-usb');
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-bench-apps-'));
  const program = join(folder, 'proxy.cjs');
  // As on a device: bundled, since its flags leave no way to run TypeScript.
  await writeFile(program, (await bundleScript(PROXY, 'proxy.cjs')).get('proxy.cjs') ?? '');
  const proxy = fork(program, [String(direct)], { execArgv: [...node.systemFlags] });
  try {
    const { port } = await hear<{ port: number }>(proxy);
    const atRest = await memoryOf(proxy);
    const [plain, through] = await medians(
      () => rate(direct, '/'),
      () => rate(port, '/app/'),
    );
    const [plainLarge, throughLarge] = await medians(
      () => speed(direct, '/large'),
      () => speed(port, '/app/large'),
    );
    return [
      { name: 'small answers, the app’s own socket', value: plain, unit: 'requests/s', aim: null },
      { name: 'small answers, through the proxy', value: through, unit: 'requests/s', aim: null },
      { name: 'small answers, proxy to own socket', value: through / plain, unit: '', aim: null },
      { name: '32 MiB, the app’s own socket', value: plainLarge, unit: 'MB/s', aim: null },
      { name: '32 MiB, through the proxy', value: throughLarge, unit: 'MB/s', aim: null },
      { name: '32 MiB, proxy to own socket', value: throughLarge / plainLarge, unit: '', aim: null },
      { name: 'memory of the proxy’s process, at rest', value: atRest, unit: 'MB', aim: null },
      { name: 'memory of the proxy’s process, afterwards', value: await memoryOf(proxy), unit: 'MB', aim: null },
    ];
  } finally {
    proxy.kill();
    await rm(folder, { recursive: true });
    app.close();
    app.closeAllConnections();
  }
}

/** Two measurements by turns; the median of each. */
async function medians(
  first: () => Promise<number>,
  second: () => Promise<number>,
): Promise<readonly [first: number, second: number]> {
  const [ones, others]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    ones.push(await first());
    others.push(await second());
  }
  return [percentile(ones, 50), percentile(others, 50)];
}

async function hear<T>(child: ChildProcess): Promise<T> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the proxy ended with ${code}`);
  });
  const [message] = (await Promise.race([once(child, 'message'), ended])) as [T];
  return message;
}

async function memoryOf(child: ChildProcess): Promise<number> {
  child.send('memory');
  return (await hear<{ rss: number }>(child)).rss / 1e6;
}

/** Requests in a second over some kept connections. */
async function rate(port: number, path: string): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const ask = async (): Promise<void> => {
    const [answer] = await once(get({ host: '127.0.0.1', port, path, agent }), 'response');
    await answer.toArray();
  };
  const many = async (count: number): Promise<void> => {
    let left = count;
    const one = async (): Promise<void> => {
      while (left-- > 0) await ask();
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, one));
  };
  await many(WARM_UP);
  const startedAt = performance.now();
  await many(REQUESTS);
  const seconds = (performance.now() - startedAt) / 1000;
  agent.destroy();
  return REQUESTS / seconds;
}

/** MB of one answer in a second. */
async function speed(port: number, path: string): Promise<number> {
  const startedAt = performance.now();
  const [answer] = await once(get({ host: '127.0.0.1', port, path, agent: false }), 'response');
  let bytes = 0;
  for await (const chunk of answer) bytes += chunk.length;
  if (bytes !== LARGE_BYTES) throw new Error(`${bytes} of ${LARGE_BYTES} bytes came`);
  return bytes / 1e6 / ((performance.now() - startedAt) / 1000);
}
