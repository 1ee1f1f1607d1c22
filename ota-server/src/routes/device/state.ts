import { DEVICE_ROUTES, deviceEventsSchema, deviceReportSchema } from '@nodeos/contracts/device-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../../context.ts';
import { deviceOf } from './authenticate.ts';

/** GET /device/v1/desired, POST /device/v1/report, POST /device/v1/events. */
export function stateRoutes(scope: FastifyInstance, { devices, deployments }: ServerContext): void {
  scope.get(DEVICE_ROUTES.desired, async (request, reply) => {
    const { id, desired } = deviceOf(request);
    await deployments.told(id);
    const etag = `"${desired.generation}"`;
    reply.header('etag', etag).header('cache-control', 'no-store');
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return desired;
  });
  scope.post(DEVICE_ROUTES.report, async (request, reply) => {
    await devices.report(deviceOf(request).id, validate(deviceReportSchema, request.body, 'report'));
    return reply.code(204).send();
  });
  scope.post(DEVICE_ROUTES.events, async (request, reply) => {
    const { events } = validate(deviceEventsSchema, request.body, 'events');
    await devices.addEvents(deviceOf(request).id, events);
    return reply.code(204).send();
  });
}
