import type { FastifyInstance, FastifyReply } from 'fastify';

/** Lets what was begun end before a server closes. */
export class Drain {
  readonly #open = new Set<FastifyReply>();
  #draining = false;
  #idle: (() => void) | null = null;

  get draining(): boolean {
    return this.#draining;
  }

  /** Counts the requests of an app. */
  watch(app: FastifyInstance): void {
    app.addHook('onRequest', async (_request, reply) => {
      this.#open.add(reply);
      // A stream that took over its reply only closes; a request that came without a socket only ends.
      reply.raw.on('close', () => this.#ended(reply));
      // The next request of this connection goes to a server that stays.
      if (this.#draining) reply.header('connection', 'close');
    });
    app.addHook('onResponse', async (_request, reply) => this.#ended(reply));
  }

  #ended(reply: FastifyReply): void {
    this.#open.delete(reply);
    if (this.#open.size === 0) this.#idle?.();
  }

  /** Ends the streams, which would go on for ever, and waits for the other requests; at most so long. */
  async run(limitMs: number): Promise<void> {
    this.#draining = true;
    for (const { raw } of this.#open)
      if (String(raw.getHeader('content-type')).startsWith('text/event-stream')) raw.end();
    if (this.#open.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#idle = resolve;
      timer = setTimeout(resolve, limitMs);
    });
    clearTimeout(timer);
  }
}
