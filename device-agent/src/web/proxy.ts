import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerOptions,
  ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { WEB_LIMITS, type WebLimits } from '@nodeos/contracts/limits.ts';
import type { ConnectByName } from '../apps/app-network.ts';
import { answerHeaders, requestHeaders } from './headers.ts';
import { join } from './join.ts';
import { absentPage, indexPage, nowherePage, refusalPage } from './pages.ts';
import { findRoute, type Route, type WebApp } from './routes.ts';

export interface ProxyOptions {
  /** By user. */
  readonly apps: () => ReadonlyMap<string, WebApp>;
  /** Opens a connection to a port of an app. */
  readonly connect: ConnectByName;
  /** What the device is called, without a domain; the first is shown. */
  readonly deviceNames: () => readonly string[];
  readonly limits?: Partial<WebLimits>;
}
/** Certificate chain and key in PEM. */
export interface WebCertificate {
  readonly certificate: string;
  readonly key: string;
}

type ToApp = Extract<Route, { to: 'app' }>;

/**
 * A server that hands each request to the app it is meant for. It keeps nothing: bodies flow through as fast as the
 * slower side takes them. Not listening yet; over TLS where there is a certificate.
 * @throws Error where certificate and key are no pair
 */
export async function createProxy(options: ProxyOptions, tls: WebCertificate | null): Promise<Server> {
  const limits = { ...WEB_LIMITS, ...options.limits };
  const protocol = tls ? 'https' : 'http';
  const settings: ServerOptions = {
    maxHeaderSize: limits.headerMaxBytes,
    headersTimeout: limits.headersTimeoutMs,
    // How long a body takes is the app's business; a client that sends nothing is cut off by the socket's time-out.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(30_000, limits.headersTimeoutMs),
    // Clients that offer HTTP/2 in this way go on with HTTP/1.1. Node.js 20 has no such choice.
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
  };
  const server = tls
    ? // Loaded where there is a certificate only: it costs memory.
      (await import('node:https')).createServer({ ...settings, cert: tls.certificate, key: tls.key })
    : createServer(settings);
  server.maxConnections = limits.connectionsMax;
  server.maxHeadersCount = limits.headersMax;
  // Later than the app's own, so that the client is told.
  server.timeout = limits.idleTimeoutMs + limits.keepAliveMs;

  const routeOf = (incoming: IncomingMessage) =>
    findRoute(incoming.headers.host ?? '', incoming.url ?? '', options.apps(), options.deviceNames());

  function ask(incoming: IncomingMessage, { app, path, prefix }: ToApp, upgrade: string | null) {
    const address = (incoming.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    const origin = { address, host: incoming.headers.host ?? '', protocol, prefix } as const;
    const headers = requestHeaders(incoming.rawHeaders, origin, upgrade);
    const { method } = incoming;
    // One for each request: a kept connection to an app may be to the version before.
    const createConnection = () => options.connect(app.app, app.port).setTimeout(limits.idleTimeoutMs);
    return request({
      createConnection,
      host: '127.0.0.1',
      port: app.port,
      method,
      path,
      headers,
      timeout: limits.idleTimeoutMs,
    });
  }

  function answer(incoming: IncomingMessage, outgoing: ServerResponse, route: Exclude<Route, ToApp>): void {
    if (route.to === 'redirect') outgoing.writeHead(308, { location: route.location }).end();
    else if (route.to === 'refusal') showPage(incoming, outgoing, 400, refusalPage());
    else if (route.to === 'nowhere') showPage(incoming, outgoing, 404, nowherePage(route.name));
    else showPage(incoming, outgoing, 200, indexPage(options.deviceNames()[0] ?? '', options.apps().values()));
  }

  server.on('request', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const route = routeOf(incoming);
    if (route.to !== 'app') return answer(incoming, outgoing, route);
    const inner = attempt(() => ask(incoming, route, null));
    if (inner === null) return answer(incoming, outgoing, { to: 'refusal' });
    hear(inner, incoming, outgoing, route);
    // An end that comes too early is seen at the other side, by the events of `hear`.
    pipeline(incoming, inner, () => {});
  });

  server.on('upgrade', (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
    socket.on('error', () => {});
    const outgoing = new ServerResponse(incoming);
    outgoing.shouldKeepAlive = false;
    outgoing.assignSocket(socket);
    outgoing.on('finish', () => socket.destroySoon());
    const route = hasBody(incoming) ? ({ to: 'refusal' } as const) : routeOf(incoming);
    if (route.to !== 'app') return answer(incoming, outgoing, route);
    const inner = attempt(() => ask(incoming, route, incoming.headers.upgrade ?? ''));
    if (inner === null) return answer(incoming, outgoing, { to: 'refusal' });
    hear(inner, incoming, outgoing, route);
    inner.on('upgrade', (accepted, appSocket, appHead) => {
      outgoing.detachSocket(socket);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headerLines(accepted.rawHeaders)}\r\n`);
      socket.write(appHead);
      appSocket.write(head);
      join(socket, appSocket as Socket, limits.upgradedIdleTimeoutMs);
    });
    inner.end();
  });

  return server;
}

/** Passes on what the app says, or says that it is not there. */
function hear(
  inner: ReturnType<typeof request>,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { app, prefix }: ToApp,
): void {
  inner.on('response', (answer) => {
    const headers = answerHeaders(answer.rawHeaders, prefix);
    const taken = attempt(() => outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage, headers));
    // The app's answer is none that can be passed on.
    if (taken === null) return void inner.destroy(new Error('not HTTP'));
    pipeline(answer, outgoing, () => {});
  });
  let isLate = false;
  inner.on('timeout', () => {
    isLate = true;
    inner.destroy();
  });
  inner.on('error', () => {
    if (outgoing.headersSent) return void outgoing.destroy();
    outgoing.setHeader('retry-after', '5');
    showPage(incoming, outgoing, isLate ? 504 : 502, absentPage(app.user));
  });
  outgoing.on('close', () => inner.destroy());
}

function showPage(incoming: IncomingMessage, outgoing: ServerResponse, status: number, html: string): void {
  // What is left of the body is not waited for.
  if (!incoming.complete) outgoing.shouldKeepAlive = false;
  outgoing.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-length': Buffer.byteLength(html),
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    'cache-control': 'no-store',
  });
  outgoing.end(incoming.method === 'HEAD' ? undefined : html);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

/** Node.js throws at what it would not send itself; a stranger's request must not end the device's one process. */
function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}

function headerLines(raw: readonly string[]): string {
  return raw.map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`)).join('');
}
