import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, connect, createServer as createTcp, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { openAuthority } from '@nodeos/ota-server/src/authority.ts';
import { temporaryFolder } from '../fuzz/folder.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

export interface TlsIdentity {
  readonly ca: string;
  readonly key: string;
  readonly cert: string;
}

export async function makeTlsIdentity(): Promise<TlsIdentity> {
  const authority = await openAuthority(temporaryFolder());
  return { ca: authority.certificate, ...(await authority.serverCertificate(['127.0.0.1', 'localhost'])) };
}

interface Closable {
  close(): unknown;
  closeAllConnections?(): void;
}

function closeAfter(t: TestContext, server: Closable, sockets: Set<Socket>): void {
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
}

/** A real HTTPS server on the loopback that answers as the test says. */
export async function startServer(
  t: TestContext,
  identity: TlsIdentity,
  handler: Handler,
): Promise<{ url: string; port: number; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = [];
  const sockets = new Set<Socket>();
  const server = createHttps({ key: identity.key, cert: identity.cert }, (request, response) => {
    requests.push(request);
    handler(request, response, requests.length);
  });
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  closeAfter(t, server, sockets);
  const { port } = server.address() as AddressInfo;
  return { url: `https://127.0.0.1:${port}`, port, requests };
}

/** An HTTP proxy that knows CONNECT only. */
export async function startProxy(
  t: TestContext,
  login: string | null = null,
): Promise<{ url: string; ways: string[] }> {
  const ways: string[] = [];
  const sockets = new Set<Socket>();
  const proxy = createHttp((_request, response) => response.writeHead(405).end());
  proxy.on('connect', (request, client: Socket) => {
    sockets.add(client);
    const wanted = login && `Basic ${Buffer.from(login).toString('base64')}`;
    if (wanted && request.headers['proxy-authorization'] !== wanted) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    ways.push(request.url ?? '');
    const [host, port] = (request.url ?? '').split(':');
    const target = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.pipe(client).pipe(target);
    });
    sockets.add(target);
    for (const socket of [target, client]) socket.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', () => resolve()));
  closeAfter(t, proxy, sockets);
  const { port } = proxy.address() as AddressInfo;
  return { url: `http://${login ? `${login}@` : ''}127.0.0.1:${port}`, ways };
}

/** A cable: while it is cut, bytes are lost without a word, as behind a router that forgot the connection. */
export async function startCable(
  t: TestContext,
  port: number,
): Promise<{ port: number; cut: boolean; joined: number }> {
  const cable = { port: 0, cut: false, joined: 0 };
  const sockets = new Set<Socket>();
  const server = createTcp((client) => {
    cable.joined++;
    const target = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (piece) => cable.cut || to.write(piece));
      from.on('error', () => {});
      from.on('close', () => cable.cut || to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  closeAfter(t, server, sockets);
  cable.port = (server.address() as AddressInfo).port;
  return cable;
}
