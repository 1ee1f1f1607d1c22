import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../../context.ts';
import { fleetOf, principalOf } from './authenticate.ts';

/** GET /healthz and /readyz, for whoever watches or balances: nothing of a fleet is in them. */
export function healthRoutes(app: FastifyInstance, { store, drain, addresses }: ServerContext): void {
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
    if (drain.draining) throw notReady('the server is about to end');
    try {
      addresses();
      await store.listFleets();
    } catch (cause) {
      throw notReady('the server is starting, or cannot reach its store', cause);
    }
    return { status: 'ready' };
  });
}

/** GET /metrics: behind the demand for a caller with the right `metrics`. */
export function metricsRoute(scope: FastifyInstance, { metrics }: ServerContext): void {
  scope.get('/metrics', async (request, reply) => {
    // The process serves every fleet: its numbers are for those who look after the whole server.
    const text = await metrics.text(fleetOf(request), principalOf(request).scopes.has('server'));
    return reply.type(metrics.contentType).send(text);
  });
}

function notReady(message: string, cause?: unknown): NodeosError {
  return new NodeosError('SERVER_BUSY', message, { hint: 'Send the request to another server, or wait.', cause });
}
