import { validate } from '@nodeos/contracts/validate.ts';
import { webhookRequestSchema } from '@nodeos/contracts/webhooks.ts';
import type { FastifyInstance } from 'fastify';
import { fleetOf } from './authenticate.ts';
import { nothingSchema } from './nothing.ts';

type ById = { Params: { id: string } };

/** Routes below /api/v1/webhooks. */
export function webhookRoutes(scope: FastifyInstance): void {
  scope.get('/api/v1/webhooks', async (request) => ({ webhooks: await fleetOf(request).webhooks.list() }));
  scope.post('/api/v1/webhooks', (request) =>
    fleetOf(request).webhooks.add(validate(webhookRequestSchema, request.body, 'webhook')),
  );
  scope.delete<ById>('/api/v1/webhooks/:id', async (request, reply) => {
    validate(nothingSchema, request.body, 'webhook');
    await fleetOf(request).webhooks.remove(request.params.id);
    return reply.code(204).send();
  });
  scope.post<ById>('/api/v1/webhooks/:id/test', async (request, reply) => {
    validate(nothingSchema, request.body, 'webhook');
    await fleetOf(request).webhooks.test(request.params.id);
    return reply.code(202).send();
  });
  scope.get<ById>('/api/v1/webhooks/:id/deliveries', async (request) => ({
    deliveries: await fleetOf(request).webhooks.deliveries(request.params.id),
  }));
}
