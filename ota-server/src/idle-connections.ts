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
  const unanswered = new WeakMap<Socket, number>();
  const count = (socket: Socket, change: number): number => {
    const requests = (unanswered.get(socket) ?? 0) + change;
    unanswered.set(socket, requests);
    return requests;
  };
  server.on('secureConnection', (socket) => socket.once('close', () => idle.delete(socket)));
  server.on('request', ({ socket }, response) => {
    idle.delete(socket);
    count(socket, 1);
    response.once('close', () => {
      if (count(socket, -1) > 0 || socket.destroyed) return;
      idle.add(socket);
      const [longest] = idle;
      if (idle.size <= atMost || longest === undefined) return;
      idle.delete(longest);
      longest.destroySoon();
    });
  });
}
