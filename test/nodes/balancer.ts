import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Balancer {
  readonly port: number;
  /** Ports on loopback that connections go to by turns. */
  targets: readonly number[];
  close(): void;
}

/** Passes TCP through, as a balancer before several servers does; TLS ends behind it. */
export async function startBalancer(): Promise<Balancer> {
  const sockets = new Set<Socket>();
  let turn = 0;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => undefined);
  };
  const server = createServer((socket) => {
    keep(socket);
    const port = balancer.targets[turn++ % Math.max(1, balancer.targets.length)];
    if (port === undefined) return socket.destroy();
    const target = connect(port, '127.0.0.1');
    keep(target);
    socket.pipe(target).pipe(socket);
    socket.on('close', () => target.destroy());
    target.on('close', () => socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const balancer: Balancer = {
    port: (server.address() as AddressInfo).port,
    targets: [],
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return balancer;
}
