import { deviceStateSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { ServerContext } from '../../context.ts';
import { nothingSchema } from './nothing.ts';

const filterSchema = z.strictObject({ tag: z.string().max(64).optional(), state: deviceStateSchema.optional() });
const tagsSchema = z.strictObject({ tags: z.array(z.string().min(1).max(64)).max(32) });

/** Routes below /api/v1/devices, but logs and REPL. */
export function deviceRoutes(scope: FastifyInstance, { devices }: ServerContext): void {
  scope.get('/api/v1/devices', async (request) => ({
    devices: await devices.list(validate(filterSchema, request.query, 'query')),
  }));
  scope.get<{ Params: { id: string } }>('/api/v1/devices/:id', ({ params }) => devices.detail(params.id));
  scope.post<{ Params: { id: string } }>('/api/v1/devices/:id/approve', ({ params, body }) => {
    validate(nothingSchema, body, 'approve');
    return devices.approve(params.id);
  });
  scope.post<{ Params: { id: string } }>('/api/v1/devices/:id/revoke', ({ params, body }) => {
    validate(nothingSchema, body, 'revoke');
    return devices.revoke(params.id);
  });
  scope.put<{ Params: { id: string } }>('/api/v1/devices/:id/tags', ({ params, body }) =>
    devices.setTags(params.id, validate(tagsSchema, body, 'tags').tags),
  );
  scope.post<{ Params: { id: string } }>('/api/v1/devices/:id/reboot', async ({ params, body }, reply) => {
    validate(nothingSchema, body, 'reboot');
    await devices.reboot(params.id);
    return reply.code(202).send();
  });
  scope.post<{ Params: { id: string } }>('/api/v1/devices/:id/reformat-data', async ({ params, body }, reply) => {
    validate(nothingSchema, body, 'reformat-data');
    await devices.reformatData(params.id);
    return reply.code(202).send();
  });
}
