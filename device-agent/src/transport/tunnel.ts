import { request } from 'node:http';
import type { Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';

/**
 * Opens a connection through an HTTP proxy (CONNECT, RFC 9110, 9.3.6). What goes through it is TLS from end to end: the
 * proxy sees names and amounts.
 * @param proxy `http://[user:password@]host[:port]`
 * @throws NodeosError FETCH_FAILED
 */
export function openTunnel(proxy: string, host: string, port: number): Promise<Socket> {
  const { hostname, port: proxyPort, username, password } = new URL(proxy);
  const authority = `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`;
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const failed = (why: string, cause?: Error) =>
    new NodeosError('FETCH_FAILED', `the proxy ${hostname} gives no way to ${authority}: ${why}`, { cause });
  return new Promise((resolve, reject) => {
    const outgoing = request({
      method: 'CONNECT',
      host: hostname.replace(/^\[|\]$/g, ''),
      port: Number(proxyPort || 80),
      path: authority,
      agent: false,
      headers: {
        host: authority,
        ...(username && { 'proxy-authorization': `Basic ${Buffer.from(login).toString('base64')}` }),
      },
    });
    outgoing.setTimeout(DEVICE_LIMITS.fetchConnectTimeoutMs, () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', (cause) => reject(failed(cause.message, cause)));
    outgoing.on('response', (answer) => {
      answer.destroy();
      reject(failed(`it answered ${answer.statusCode}`));
    });
    outgoing.on('connect', (answer, socket, head) => {
      if (answer.statusCode !== 200 || head.length > 0) {
        socket.destroy();
        reject(failed(`it answered ${answer.statusCode}`));
        return;
      }
      socket.setTimeout(0);
      resolve(socket as Socket);
    });
    outgoing.end();
  });
}

export interface TlsWords {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/** TLS with the server itself, through the tunnel. The name is checked against the server's certificate. */
export function tlsThrough(socket: Socket, { host, ca, cert, key }: TlsWords): TLSSocket {
  const isAddress = /^[\d.]+$|:/.test(host);
  return connect({ socket, host, ca, cert, key, minVersion: 'TLSv1.2', ...(isAddress ? {} : { servername: host }) });
}
