import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../context.ts';

/** One structured line for each request at level `info` (debug for devices, of which there are many), and its time. */
export function logRequests(
  app: FastifyInstance,
  surface: 'operator' | 'device',
  { log, metrics }: ServerContext,
): void {
  const level = surface === 'operator' ? 'info' : 'debug';
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    const ms = Math.round(reply.elapsedTime * 10) / 10;
    metrics.request(surface, request.method, route, reply.statusCode, reply.elapsedTime / 1000);
    log[level]({ surface, method: request.method, route, status: reply.statusCode, ms, from: request.ip }, 'request');
  });
}
