import type { Server } from 'node:net';
import { SERVER_LIMITS } from './limits.ts';

/** Handshakes that have begun and not ended. Which of them ended does not matter: only how many there are. */
export class Handshakes {
  readonly #begun: number[] = [];
  readonly #atOnce: number;
  readonly #countedMs: number;

  /** @param countedMs one that takes longer waits for the client, and takes nothing from the others meanwhile */
  constructor(atOnce: number, countedMs: number) {
    this.#atOnce = atOnce;
    this.#countedMs = countedMs;
  }

  begin(now: number): void {
    this.#begun.push(now);
  }

  end(): void {
    this.#begun.shift();
  }

  isFull(now: number): boolean {
    while ((this.#begun[0] ?? now) < now - this.#countedMs) this.#begun.shift();
    return this.#begun.length >= this.#atOnce;
  }
}

/**
 * Lets only so many clients begin a handshake at once, and closes the connections of the others before it costs
 * anything. Where a whole fleet comes at one moment, handshakes that all go on together take so long that devices give
 * them up and begin anew, and nobody gets through.
 */
export function limitHandshakes(server: Server): void {
  const handshakes = new Handshakes(SERVER_LIMITS.handshakesAtOnce, SERVER_LIMITS.handshakeCountedMs);
  let looking: NodeJS.Timeout | null = null;
  const look = (): void => {
    if (looking !== null) clearTimeout(looking);
    looking = null;
    const full = handshakes.isFull(performance.now());
    // There are some, so that one more is too many.
    server.maxConnections = full ? 1 : Number.MAX_SAFE_INTEGER;
    // Those that nothing is heard of end no wait.
    if (full) looking = setTimeout(look, SERVER_LIMITS.handshakeCountedMs / 10).unref();
  };
  const ended = (): void => {
    handshakes.end();
    look();
  };
  server.on('connection', () => {
    handshakes.begin(performance.now());
    look();
  });
  server.on('secureConnection', ended);
  server.on('tlsClientError', ended);
}
