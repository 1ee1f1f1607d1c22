import type { Socket } from 'node:net';

/** Open HTTPS connections of devices: what is shut out loses them at once, downloads that are under way too. */
export class DeviceConnections {
  readonly #sockets = new Map<string, Set<Socket>>();
  readonly #tellOthers: (deviceId: string) => void;

  constructor(tellOthers: (deviceId: string) => void = () => undefined) {
    this.#tellOthers = tellOthers;
  }

  add(deviceId: string, socket: Socket): void {
    const sockets = this.#sockets.get(deviceId) ?? new Set();
    if (sockets.has(socket)) return;
    this.#sockets.set(deviceId, sockets.add(socket));
    socket.once('close', () => {
      sockets.delete(socket);
      if (sockets.size === 0 && this.#sockets.get(deviceId) === sockets) this.#sockets.delete(deviceId);
    });
  }

  cut(deviceId: string): void {
    this.receiveCut(deviceId);
    this.#tellOthers(deviceId);
  }

  /** It was shut out at another server. */
  receiveCut(deviceId: string): void {
    for (const socket of [...(this.#sockets.get(deviceId) ?? [])]) socket.destroy();
  }

  /** Some device may have been shut out unheard: whoever is not comes again. */
  cutAll(): void {
    for (const deviceId of [...this.#sockets.keys()]) this.receiveCut(deviceId);
  }
}
