import { deploymentRequestSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import { fleetOf } from './authenticate.ts';
import { nothingSchema } from './nothing.ts';

/** Routes below /api/v1/deployments. */
export function deploymentRoutes(scope: FastifyInstance): void {
  scope.get('/api/v1/deployments', async (request) => ({
    deployments: await fleetOf(request).deployments.list(),
  }));
  scope.get<{ Params: { id: string } }>('/api/v1/deployments/:id', (request) =>
    fleetOf(request).deployments.get(request.params.id),
  );
  scope.post('/api/v1/deployments', (request) =>
    fleetOf(request).deployments.create(validate(deploymentRequestSchema, request.body, 'deployment')),
  );
  scope.post<{ Params: { id: string } }>('/api/v1/deployments/:id/abort', (request) => {
    validate(nothingSchema, request.body, 'abort');
    return fleetOf(request).deployments.abort(request.params.id);
  });
}
