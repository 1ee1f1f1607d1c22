import type { Server, Socket } from 'node:net';

/**
 * Lets clients of a listener wait outside while there is something that comes first. Nothing has been done for one that
 * waits, not even its handshake; none waits longer than the given time.
 */
export class Door {
  readonly #longestMs: number;
  readonly #outside: (() => void)[] = [];
  #shut = 0;

  constructor(longestMs: number) {
    this.#longestMs = longestMs;
  }

  /** @returns what opens it again, where nobody else keeps it shut; it opens by itself after the longest time */
  shut(): () => void {
    let isShut = true;
    const open = (): void => {
      clearTimeout(timer);
      if (!isShut) return;
      isShut = false;
      if (--this.#shut === 0) for (const enter of this.#outside.splice(0)) enter();
    };
    const timer = setTimeout(open, this.#longestMs).unref();
    this.#shut++;
    return open;
  }

  /** Belongs before all that counts the connections of the listener: those that wait are connections too. */
  guard(server: Server): void {
    const inside = server.listeners('connection');
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      const enter = (): void => {
        for (const listener of inside) listener.call(server, socket);
      };
      if (this.#shut === 0) enter();
      else this.#wait(socket, enter);
    });
  }

  /** What the client says meanwhile stays with its socket, for whoever takes it over. */
  #wait(socket: Socket, enter: () => void): void {
    const ignore = (): void => undefined;
    socket.on('error', ignore);
    this.#outside.push(() => {
      socket.off('error', ignore);
      if (!socket.destroyed) enter();
    });
  }
}
