import { request } from 'node:http';
import type { Socket } from 'node:net';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import type { ConnectToApp } from './app-network.ts';

const PROBE_TIMEOUT_MS = 5_000;

/** What can be asked of an app from outside. */
export type ProbeKind = 'http' | 'tcp' | 'alive';

/** An app without ports can only be watched being alive. */
export function probeKind(manifest: Pick<AppManifest, 'ports' | 'probe'>): ProbeKind {
  if (manifest.ports.length === 0) return 'alive';
  return manifest.probe === null ? 'tcp' : 'http';
}

/**
 * Asks the app once.
 * @throws Error one sentence on what did not answer, and how
 */
export async function probeOnce(
  manifest: Pick<AppManifest, 'ports' | 'probe'>,
  connect: ConnectToApp,
  timeoutMs = PROBE_TIMEOUT_MS,
): Promise<void> {
  const kind = probeKind(manifest);
  const port = manifest.ports[0] as number;
  if (kind === 'http') await probeHttp(() => connect(port), port, manifest.probe as string, timeoutMs);
  if (kind === 'tcp') await probeTcp(connect(port), port, timeoutMs);
}

function probeHttp(createConnection: () => Socket, port: number, path: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`GET ${path} on port ${port}: ${why}`));
    const signal = AbortSignal.timeout(timeoutMs);
    const host = { host: '127.0.0.1', port, headers: { connection: 'close' } };
    const outgoing = request({ ...host, path, createConnection, signal });
    outgoing.on('error', (error) => fail(signal.aborted ? `no answer within ${timeoutMs} ms` : error.message));
    outgoing.on('response', (answer) => {
      answer.on('error', () => {});
      answer.resume();
      const status = answer.statusCode ?? 0;
      if (status >= 200 && status < 300) resolve();
      else fail(`answered ${status}`);
    });
    outgoing.end();
  });
}

function probeTcp(socket: Socket, port: number, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      socket.destroy();
      reject(new Error(`port ${port}: ${why}`));
    };
    socket.setTimeout(timeoutMs, () => fail(`no connection within ${timeoutMs} ms`));
    socket.on('error', (error) => fail(error.message));
    const done = () => {
      socket.destroy();
      resolve();
    };
    // One that was made connected does not say so.
    if (!socket.pending) done();
    else socket.on('connect', done);
  });
}
