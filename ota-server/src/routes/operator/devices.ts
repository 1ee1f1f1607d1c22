import {
  type DevicePageRequest,
  deviceActionRequestSchema,
  devicePageRequestSchema,
} from '@nodeos/contracts/device-list.ts';
import { pinsSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { redact } from '../../audit/redact.ts';
import { eventOf } from './audit.ts';
import { fleetOf } from './authenticate.ts';
import { nothingSchema } from './nothing.ts';

export const devicePinsSchema = z.strictObject({ pins: pinsSchema });
export const deviceTagsSchema = z.strictObject({ tags: z.array(z.string().min(1).max(64)).max(32) });
export const deviceIdentifySchema = z.strictObject({ seconds: z.number().int().min(1).max(300).default(30) });

/** Routes below /api/v1/devices, but logs and REPL. */
export function deviceRoutes(scope: FastifyInstance): void {
  scope.get('/api/v1/devices', (request) => {
    const schema = devicePageRequestSchema as z.ZodType<DevicePageRequest>;
    return fleetOf(request).deviceList.page(validate(schema, request.query, 'query'));
  });
  scope.get('/api/v1/overview', (request) => fleetOf(request).deviceList.overview());
  scope.post('/api/v1/devices/actions', async (request) => {
    const { action, to } = validate(deviceActionRequestSchema, request.body, 'action');
    const { deviceActions, audit } = fleetOf(request);
    const ids = await deviceActions.meant(to);
    // The request's own entry may be too short for all of them.
    const entry = (id: string, outcome: 'accepted' | 'failed', details: string) => ({
      ...{ ...eventOf(request), target: `/devices/${id}`, outcome, details },
    });
    await audit.record(...ids.map((id) => entry(id, 'accepted', redact(action))));
    const answer = await deviceActions.run(action, ids);
    const faults = answer.failed.map(({ id, code, message }) => entry(id, 'failed', `${code}: ${message}`));
    if (faults.length > 0) await audit.record(...faults);
    return answer;
  });
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
