import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';

/** A reason where a real program is missing, which only a person's machine may be. */
export function missing(program: string, debianPackage: string): { readonly skip?: string } {
  if (existsSync(program)) return {};
  const reason = `the Debian package ${debianPackage} is not installed`;
  if (process.env.CI) throw new Error(reason);
  return { skip: reason };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** True where a program listens on the port; @throws Error with its log where it has ended */
export function answers(port: number, child: ChildProcess, log: () => string): Promise<boolean> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) throw new Error(`${child.spawnargs.join(' ')} ended:\n${log()}`);
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
