import { DEVICE_ROUTES } from '@nodeos/contracts/device-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Admission } from '../../admission.ts';
import { SERVER_LIMITS } from '../../limits.ts';

const LIMITED = new Set<string>([
  DEVICE_ROUTES.enrol,
  DEVICE_ROUTES.desired,
  DEVICE_ROUTES.report,
  DEVICE_ROUTES.events,
]);

/** Answers 503 with a Retry-After of each device's own where more come than the server can take. */
export function spreadOut(app: FastifyInstance, admission: Admission): void {
  app.addHook('onRequest', async (request, reply) => {
    if (!LIMITED.has(request.routeOptions.url ?? '')) return;
    const seconds = admission.ask(SERVER_LIMITS.retryAfterMaxSeconds);
    if (seconds === null) {
      // Also where the device has gone meanwhile.
      reply.raw.once('close', () => admission.left());
      return;
    }
    comeAgain(reply, seconds);
  });
}

/** @throws NodeosError SERVER_BUSY, always */
export function comeAgain(reply: FastifyReply, seconds: number): never {
  reply.header('retry-after', String(seconds));
  throw new NodeosError('SERVER_BUSY', `too many devices at once; come again in ${seconds} s`);
}
