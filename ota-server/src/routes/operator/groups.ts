import { groupRequestSchema } from '@nodeos/contracts/operator-api.ts';
import { groupNameSchema } from '@nodeos/contracts/rollout.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import { fleetOf } from './authenticate.ts';

interface Named {
  Params: { name: string };
}

/** Routes below /api/v1/groups. */
export function groupRoutes(scope: FastifyInstance): void {
  scope.get('/api/v1/groups', async (request) => ({ groups: await fleetOf(request).groups.list() }));
  scope.get<Named>('/api/v1/groups/:name', (request) => fleetOf(request).groups.detail(request.params.name));
  scope.put<Named>('/api/v1/groups/:name', (request) => {
    const name = validate(groupNameSchema, request.params.name, 'name of the group');
    return fleetOf(request).groups.put(name, validate(groupRequestSchema, request.body, 'group'));
  });
  scope.delete<Named>('/api/v1/groups/:name', async (request, reply) => {
    await fleetOf(request).groups.remove(request.params.name);
    return reply.code(204).send();
  });
}
