import { type DeploymentPage, deploymentPageSchema, deploymentRequestSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { fleetOf } from './authenticate.ts';
import { nothingSchema } from './nothing.ts';

interface OfOne {
  Params: { id: string };
}
export const abortSchema = z.strictObject({ turnBack: z.boolean().optional() });

/** Routes below /api/v1/deployments. */
export function deploymentRoutes(scope: FastifyInstance): void {
  scope.get('/api/v1/deployments', async (request) => ({
    deployments: await fleetOf(request).deployments.list(
      validate(deploymentPageSchema as z.ZodType<DeploymentPage>, request.query, 'query'),
    ),
  }));
  scope.get<OfOne>('/api/v1/deployments/:id', (request) => fleetOf(request).deployments.get(request.params.id));
  scope.post('/api/v1/deployments', (request) =>
    fleetOf(request).deployments.create(validate(deploymentRequestSchema, request.body, 'deployment')),
  );
  scope.post('/api/v1/deployments/plan', (request) =>
    fleetOf(request).deployments.plan(validate(deploymentRequestSchema, request.body, 'deployment')),
  );
  scope.post<OfOne>('/api/v1/deployments/:id/abort', (request) => {
    const { turnBack } = validate(abortSchema, request.body ?? {}, 'abort');
    return fleetOf(request).deployments.abort(request.params.id, turnBack);
  });
  for (const verb of ['pause', 'resume', 'approve'] as const)
    scope.post<OfOne>(`/api/v1/deployments/:id/${verb}`, (request) => {
      validate(nothingSchema, request.body, verb);
      return fleetOf(request).deployments[verb](request.params.id);
    });
}
