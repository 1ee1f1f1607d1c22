import { type FleetInfo, fleetRequestSchema } from '@nodeos/contracts/access.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../../context.ts';
import { principalOf } from './authenticate.ts';

/** GET/POST /api/v1/fleets */
export function fleetRoutes(scope: FastifyInstance, { store, fleets }: ServerContext): void {
  scope.get('/api/v1/fleets', async (request): Promise<{ fleets: FleetInfo[] }> => {
    const { memberships } = principalOf(request);
    const all = await store.listFleets();
    return { fleets: all.filter(({ id }) => memberships === null || memberships.some(({ fleet }) => fleet === id)) };
  });

  scope.post('/api/v1/fleets', async (request): Promise<FleetInfo> => {
    const { id, name } = validate(fleetRequestSchema, request.body, 'fleet');
    if ((await store.listFleets()).some((fleet) => fleet.id === id))
      throw new NodeosError('CONFLICT', `there is a fleet ${id} already`);
    const fleet = { id, name, createdAt: Date.now() };
    await store.addFleet(fleet);
    await fleets.get(id);
    return fleet;
  });
}
