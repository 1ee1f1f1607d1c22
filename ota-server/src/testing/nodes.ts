import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Addresses } from '../context.ts';
import { type AskAsDevice, type AskOperator, deviceOf, operatorOf } from './server-clients.ts';

export interface NodeOptions {
  readonly dataDir: string;
  readonly store: string;
  readonly broker?: string;
  readonly deviceBroker?: string;
}

/** One of several servers on the same data, each a process. */
export interface ServerNode {
  readonly addresses: Addresses;
  readonly token: string;
  readonly ca: string;
  readonly operator: AskOperator;
  readonly device: AskAsDevice;
  /** What it wrote to its log. */
  log(): string;
  /** As a power cut: nothing is finished, nobody is told. */
  kill(): Promise<void>;
  /** Lets it end what it has begun. */
  stop(): Promise<void>;
}

/** @throws Error with the log of a server that does not start */
export async function startNode(options: NodeOptions): Promise<ServerNode> {
  const child = fork(fileURLToPath(new URL('./server-process.ts', import.meta.url)), [JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // Not those of the test runner.
    execArgv: [],
  });
  let log = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-100_000);
  });
  const { addresses, token } = await firstLine(child, () => log);
  const operator = operatorOf(addresses.operator.url, token);
  const { ca } = (await operator('GET', '/api/v1/server')).json;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  return {
    ...{ addresses, token, ca, operator, device: deviceOf(addresses.device.url, ca) },
    log: () => log,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}

async function firstLine(child: ChildProcess, log: () => string): Promise<{ addresses: Addresses; token: string }> {
  const line = new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve(text);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${log()}`)));
  });
  return JSON.parse(await line);
}
