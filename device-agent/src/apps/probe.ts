import { request } from 'node:http';
import { connect } from 'node:net';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';

const PROBE_TIMEOUT_MS = 5_000;

/** What can be asked of an app from outside. */
export type ProbeKind = 'http' | 'tcp' | 'alive';

/** An app without a network of ours can only be watched being alive. */
export function probeKind(manifest: Pick<AppManifest, 'ports' | 'probe' | 'network'>): ProbeKind {
  if (manifest.network === 'none' || manifest.ports.length === 0) return 'alive';
  return manifest.probe === null ? 'tcp' : 'http';
}

/**
 * Asks the app once over the loopback.
 * @throws Error one sentence on what did not answer, and how
 */
export async function probeOnce(
  manifest: Pick<AppManifest, 'ports' | 'probe' | 'network'>,
  timeoutMs = PROBE_TIMEOUT_MS,
): Promise<void> {
  const kind = probeKind(manifest);
  const port = manifest.ports[0] as number;
  if (kind === 'http') await probeHttp(port, manifest.probe as string, timeoutMs);
  if (kind === 'tcp') await probeTcp(port, timeoutMs);
}

function probeHttp(port: number, path: string, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`GET ${path} on port ${port}: ${why}`));
    const signal = AbortSignal.timeout(timeoutMs);
    const outgoing = request({ host: '127.0.0.1', port, path, agent: false, signal, headers: { connection: 'close' } });
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

function probeTcp(port: number, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    const fail = (why: string) => {
      socket.destroy();
      reject(new Error(`port ${port}: ${why}`));
    };
    socket.setTimeout(timeoutMs, () => fail(`no connection within ${timeoutMs} ms`));
    socket.on('error', (error) => fail(error.message));
    socket.on('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}
