import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CountingRelay {
  readonly port: number;
  /** What TCP carried in both directions so far, its own headers and those of IP not counted. */
  octets(): number;
  close(): void;
}

/** Passes TCP on to a port of loopback, TLS unopened, and counts what passes. */
export async function startCountingRelay(to: number): Promise<CountingRelay> {
  const sockets = new Set<Socket>();
  let counted = 0;
  const pass = (from: Socket, into: Socket): void => {
    sockets.add(from);
    from.on('error', () => undefined);
    from.on('data', (bytes) => {
      counted += bytes.length;
    });
    from.pipe(into);
    from.on('close', () => {
      sockets.delete(from);
      into.destroy();
    });
  };
  const server = createServer((socket) => {
    const target = connect(to, '127.0.0.1');
    pass(socket, target);
    pass(target, socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    octets: () => counted,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
