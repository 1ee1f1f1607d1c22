import { Agent, type AgentOptions, request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import type { RequestOptions, ServerAnswer, ServerHttp } from '../ports.ts';
import { openTunnel, tlsThrough } from './tunnel.ts';
import { askUndated, isDateFault } from './undated.ts';

/** No byte in this time: the connection is dead. Slow transfers are judged by who reads them. */
const IDLE_TIMEOUT_MS = 60_000;

export interface ClientIdentity {
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}
export interface DeviceHttp extends ServerHttp {
  /** Uses a certificate from the next connection on; null connects without one. */
  identify(identity: ClientIdentity | null): void;
  close(): void;
}

export interface HttpOptions {
  /** From the fleet file; see openTunnel. */
  readonly proxy?: string | undefined;
  /** Gets the server's time, milliseconds since 1970, where its certificate does not fit this device's clock. */
  readonly onUndatedTime?: (time: number) => void;
}

/**
 * Requests over one kept connection, the server verified by the fleet file's authority alone.
 * Not by `fetch`: its parser is WebAssembly, and where a board's flags keep the JIT out there is none.
 * @param onDate gets the Date header of every answer that came over a verified connection
 */
export function createServerHttp(
  server: string,
  ca: string,
  onDate: (date: string) => void,
  { proxy, onUndatedTime }: HttpOptions = {},
): DeviceHttp {
  const base = server.endsWith('/') ? server.slice(0, -1) : server;
  let agent = makeAgent(ca, null, proxy);
  let askingTime = false;

  /** A clock that is years off must not lock the device out of the server that could set it. */
  async function askTime(): Promise<void> {
    if (askingTime || !onUndatedTime) return;
    askingTime = true;
    try {
      const url = new URL(base);
      const open = async () => (proxy ? openTunnel(proxy, url.hostname, Number(url.port || 443)) : null);
      const time = await askUndated(url, ca, open).catch(() => null);
      if (time !== null) onUndatedTime(time);
    } finally {
      askingTime = false;
    }
  }

  function send(
    method: 'GET' | 'POST',
    path: string,
    options: RequestOptions,
    isSecond = false,
  ): Promise<ServerAnswer> {
    const body = options.json === undefined ? null : Buffer.from(JSON.stringify(options.json));
    const headers: Record<string, string> = { ...options.headers };
    if (body) headers['content-type'] = 'application/json';
    if (body) headers['content-length'] = String(body.length);
    return new Promise((resolve, reject) => {
      const outgoing = httpsRequest(`${base}${path}`, { method, agent, headers, signal: options.signal });
      const connectTimer = setTimeout(
        () => outgoing.destroy(new Error('no connection in time')),
        DEVICE_LIMITS.fetchConnectTimeoutMs,
      );
      outgoing.setTimeout(IDLE_TIMEOUT_MS, () => outgoing.destroy(new Error('no answer in time')));
      outgoing.on('socket', (socket) => {
        const connected = () => clearTimeout(connectTimer);
        if (socket.connecting) socket.once('secureConnect', connected);
        else connected();
      });
      outgoing.on('error', (cause) => {
        clearTimeout(connectTimer);
        if (isDateFault(cause)) void askTime();
        // A kept connection that the server closed meanwhile says nothing about the server: ask once more.
        const isStale = outgoing.reusedSocket && (cause as NodeJS.ErrnoException).code === 'ECONNRESET';
        if (isStale && !isSecond && !options.signal?.aborted) resolve(send(method, path, options, true));
        else reject(new NodeosError('FETCH_FAILED', `${method} ${base}${path}: ${describe(cause)}`, { cause }));
      });
      outgoing.on('response', (incoming) => {
        if (incoming.headers.date) onDate(incoming.headers.date);
        resolve({ status: incoming.statusCode ?? 0, headers: flatten(incoming.headers), body: incoming });
      });
      outgoing.end(body ?? undefined);
    });
  }

  return {
    request: (method, path, options = {}) => send(method, path, options),
    identify(identity) {
      agent.destroy();
      agent = makeAgent(ca, identity, proxy);
    },
    close: () => agent.destroy(),
  };
}

function makeAgent(ca: string, identity: ClientIdentity | null, proxy: string | undefined): Agent {
  const options: AgentOptions = {
    keepAlive: true,
    maxSockets: 4,
    maxFreeSockets: 1,
    ca,
    ...(identity && { cert: identity.certificate, key: identity.key }),
    minVersion: 'TLSv1.2',
  };
  return proxy === undefined ? new Agent(options) : new TunnelAgent(options, proxy);
}

/** Reaches every server through one proxy. */
class TunnelAgent extends Agent {
  readonly #proxy: string;
  constructor(options: AgentOptions, proxy: string) {
    super(options);
    this.#proxy = proxy;
  }
  override createConnection(
    words: { host?: string | null; port?: number | string | null; ca?: unknown; cert?: unknown; key?: unknown },
    done?: (error: Error | null, stream: Duplex) => void,
  ): null {
    const [host, port] = [words.host ?? '', Number(words.port ?? 443)];
    const tls = { host, port, ca: words.ca as string, cert: words.cert as string, key: words.key as string };
    openTunnel(this.#proxy, host, port).then(
      (socket) => done?.(null, tlsThrough(socket, tls)),
      (error) => done?.(error, undefined as never),
    );
    return null;
  }
}

function describe(cause: Error): string {
  const code = (cause as NodeJS.ErrnoException).code;
  return code && !cause.message.includes(code) ? `${code} ${cause.message}` : cause.message;
}

function flatten(headers: NodeJS.Dict<string | string[]>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : value]),
  );
}
