import { createHash } from 'node:crypto';
import { CONFIGURATIONS_HEADER } from '@nodeos/contracts/app-configuration.ts';
import { type DesiredState, FORCE_HEADER, type WantedRelease } from '@nodeos/contracts/desired-state.ts';
import { DEVICE_ROUTES, deviceEventsSchema, deviceReportSchema } from '@nodeos/contracts/device-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import { SERVER_LIMITS } from '../../limits.ts';
import { deviceOf } from './authenticate.ts';
import { comeAgain } from './spread-out.ts';

/** GET /device/v1/desired, POST /device/v1/report, POST /device/v1/events. */
export function stateRoutes(scope: FastifyInstance): void {
  scope.get(DEVICE_ROUTES.desired, async (request, reply) => {
    const { device, fleet } = deviceOf(request);
    const { generation } = device.desired;
    if (!(await fleet.deployments.asked(device.id))) comeAgain(reply, SERVER_LIMITS.desiredTooEarlySeconds);
    const configurations =
      request.headers[CONFIGURATIONS_HEADER] === undefined ? null : await fleet.configurations.of(device);
    const wanted = request.headers[FORCE_HEADER] === undefined ? withoutForce(device.desired) : device.desired;
    const desired = configurations === null ? wanted : { ...wanted, configurations };
    const etag = configurations === null ? `"${generation}"` : `"${generation}-${shortHash(configurations)}"`;
    reply.header('etag', etag).header('cache-control', 'no-store');
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return desired;
  });
  scope.post(DEVICE_ROUTES.report, async (request, reply) => {
    const { device, fleet } = deviceOf(request);
    await fleet.deviceReports.take(device, validate(deviceReportSchema, request.body, 'report'));
    return reply.code(204).send();
  });
  scope.post(DEVICE_ROUTES.events, async (request, reply) => {
    const { events } = validate(deviceEventsSchema, request.body, 'events');
    const { device, fleet } = deviceOf(request);
    await fleet.deviceReports.addEvents(device.id, events);
    return reply.code(204).send();
  });
}

function withoutForce(desired: DesiredState): DesiredState {
  const without = ({ force: _force, ...release }: WantedRelease): WantedRelease => release;
  const apps = Object.entries(desired.apps).map(([name, release]) => [name, without(release)]);
  return { ...desired, system: desired.system && without(desired.system), apps: Object.fromEntries(apps) };
}

function shortHash(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 16);
}
