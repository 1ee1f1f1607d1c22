import { deploymentRequestSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../../context.ts';
import { nothingSchema } from './nothing.ts';

/** Routes below /api/v1/deployments. */
export function deploymentRoutes(scope: FastifyInstance, { deployments }: ServerContext): void {
  scope.get('/api/v1/deployments', async () => ({ deployments: await deployments.list() }));
  scope.get<{ Params: { id: string } }>('/api/v1/deployments/:id', ({ params }) => deployments.get(params.id));
  scope.post('/api/v1/deployments', (request) =>
    deployments.create(validate(deploymentRequestSchema, request.body, 'deployment')),
  );
  scope.post<{ Params: { id: string } }>('/api/v1/deployments/:id/abort', ({ params, body }) => {
    validate(nothingSchema, body, 'abort');
    return deployments.abort(params.id);
  });
}
