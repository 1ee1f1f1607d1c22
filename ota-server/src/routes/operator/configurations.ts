import { configurationChangeSchema } from '@nodeos/contracts/configuration-api.ts';
import { appNameSchema, validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import { fleetOf } from './authenticate.ts';

/** Routes of what apps are configured with. */
export function configurationRoutes(scope: FastifyInstance): void {
  scope.get('/api/v1/configurations', async (request) => ({
    configurations: await fleetOf(request).configurations.list(),
  }));
  scope.post<{ Params: { app: string } }>('/api/v1/configurations/:app', (request) => {
    const app = validate(appNameSchema, request.params.app, 'name of the app');
    return fleetOf(request).configurations.change(
      app,
      validate(configurationChangeSchema, request.body, 'configuration'),
    );
  });
  scope.get<{ Params: { id: string } }>('/api/v1/devices/:id/configuration', async (request) => ({
    apps: await fleetOf(request).configurations.ofDevice(request.params.id),
  }));
}
