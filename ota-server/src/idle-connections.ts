import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import { SERVER_LIMITS } from './limits.ts';

/**
 * Keeps only so many connections that wait for another request, and for one more closes that which has waited longest.
 * Where a whole fleet asks at once, thousands of them would else be open until their time is over, each with all that
 * TLS needs, and the process would keep that memory.
 */
export function limitIdleConnections(server: Server, atMost: number = SERVER_LIMITS.idleConnectionsAtOnce): void {
  /** The one that has waited longest comes first. */
  const idle = new Set<Socket>();
  server.on('secureConnection', (socket) => socket.once('close', () => idle.delete(socket)));
  server.on('request', ({ socket }, response) => {
    idle.delete(socket);
    response.once('close', () => {
      if (socket.destroyed) return;
      idle.add(socket);
      const [longest] = idle;
      if (idle.size <= atMost || longest === undefined) return;
      idle.delete(longest);
      longest.destroySoon();
    });
  });
}
