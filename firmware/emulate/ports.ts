import { createServer } from 'node:net';
import { NodeosError } from '@nodeos/contracts/errors.ts';

/** A TCP port of 127.0.0.1 that is free now. */
export async function freePort(): Promise<number> {
  return listenOnce(0);
}

/** @throws NodeosError PORT_IN_USE that names the option with which another port can be chosen */
export async function assertPortFree(port: number, option: string): Promise<void> {
  await listenOnce(port).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EADDRINUSE' && cause.code !== 'EACCES') throw cause;
    const why = cause.code === 'EACCES' ? 'may not be used without root rights' : 'is in use';
    throw new NodeosError('PORT_IN_USE', `port ${port} of 127.0.0.1 ${why} (${option})`, { cause });
  });
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
