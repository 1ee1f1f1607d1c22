import { DEVICE_ROUTES, enrolRequestSchema } from '@nodeos/contracts/device-api.ts';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import type { AttemptLimit } from '../../attempt-limit.ts';
import type { ServerContext } from '../../context.ts';

/** POST /device/v1/enrol: the only route without a client certificate. */
export function enrolRoutes(app: FastifyInstance, { devices }: ServerContext, attempts: AttemptLimit): void {
  app.post(DEVICE_ROUTES.enrol, async (request, reply) => {
    attempts.check(request.ip);
    try {
      const answer = await devices.enrol(validate(enrolRequestSchema, request.body, 'enrolment'));
      return reply.code(answer.state === 'pending' ? 202 : 200).send(answer);
    } catch (error) {
      if (isNodeosError(error) && error.code === 'ENROLMENT_REFUSED') attempts.failed(request.ip);
      throw error;
    }
  });
}
