import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../../context.ts';
import { openEventStream } from '../../live/event-stream.ts';

/** GET /api/v1/events: server-sent events `change`. */
export function eventRoutes(scope: FastifyInstance, { changes }: ServerContext): void {
  scope.get('/api/v1/events', async (_request, reply) => {
    let stop = (): void => undefined;
    const stream = openEventStream(reply, () => stop());
    stop = changes.subscribe((change) => stream.send('change', change));
  });
}
