import { deviceStateSchema, pinsSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { fleetOf } from './authenticate.ts';
import { nothingSchema } from './nothing.ts';

export const deviceFilterSchema = z.strictObject({
  tag: z.string().max(64).optional(),
  state: deviceStateSchema.optional(),
  query: z.string().max(1000).optional(),
});
export const devicePinsSchema = z.strictObject({ pins: pinsSchema });
export const deviceTagsSchema = z.strictObject({ tags: z.array(z.string().min(1).max(64)).max(32) });
export const deviceIdentifySchema = z.strictObject({ seconds: z.number().int().min(1).max(300).default(30) });

/** Routes below /api/v1/devices, but logs and REPL. */
export function deviceRoutes(scope: FastifyInstance): void {
  scope.get('/api/v1/devices', async (request) => ({
    devices: await fleetOf(request).devices.list(validate(deviceFilterSchema, request.query, 'query')),
  }));
  scope.get<{ Params: { id: string } }>('/api/v1/devices/:id', (request) =>
    fleetOf(request).devices.detail(request.params.id),
  );
  scope.get<{ Params: { id: string } }>('/api/v1/devices/:id/metrics', async (request) => ({
    samples: await fleetOf(request).devices.metrics(request.params.id),
  }));
  scope.post<{ Params: { id: string } }>('/api/v1/devices/:id/approve', (request) => {
    validate(nothingSchema, request.body, 'approve');
    return fleetOf(request).devices.approve(request.params.id);
  });
  scope.post<{ Params: { id: string } }>('/api/v1/devices/:id/revoke', (request) => {
    validate(nothingSchema, request.body, 'revoke');
    return fleetOf(request).devices.revoke(request.params.id);
  });
  scope.put<{ Params: { id: string } }>('/api/v1/devices/:id/tags', (request) =>
    fleetOf(request).devices.setTags(request.params.id, validate(deviceTagsSchema, request.body, 'tags').tags),
  );
  scope.put<{ Params: { id: string } }>('/api/v1/devices/:id/pins', (request) =>
    fleetOf(request).devices.setPins(request.params.id, validate(devicePinsSchema, request.body, 'pins').pins),
  );
  scope.post<{ Params: { id: string } }>('/api/v1/devices/:id/reboot', async (request, reply) => {
    validate(nothingSchema, request.body, 'reboot');
    await fleetOf(request).devices.reboot(request.params.id);
    return reply.code(202).send();
  });
  scope.post<{ Params: { id: string } }>('/api/v1/devices/:id/identify', async (request, reply) => {
    const { seconds } = validate(deviceIdentifySchema, request.body ?? {}, 'identify');
    await fleetOf(request).devices.identify(request.params.id, seconds);
    return reply.code(202).send();
  });
  scope.post<{ Params: { id: string } }>('/api/v1/devices/:id/reformat-data', async (request, reply) => {
    validate(nothingSchema, request.body, 'reformat-data');
    await fleetOf(request).devices.reformatData(request.params.id);
    return reply.code(202).send();
  });
}
