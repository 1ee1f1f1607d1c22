import type { FastifyInstance } from 'fastify';
import { openEventStream } from '../../live/event-stream.ts';
import { fleetOf } from './authenticate.ts';

/** GET /api/v1/events: server-sent events `change`. */
export function eventRoutes(scope: FastifyInstance): void {
  scope.get('/api/v1/events', async (request, reply) => {
    const { changes } = fleetOf(request);
    let stop = (): void => undefined;
    const stream = openEventStream(reply, () => stop());
    stop = changes.subscribe((change) => stream.send('change', change));
  });
}
