import { DEVICE_ROUTES, enrolRequestSchema } from '@nodeos/contracts/device-api.ts';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import type { AttemptLimit } from '../../attempt-limit.ts';
import type { ServerContext } from '../../context.ts';

/** POST /device/v1/enrol: the only route without a client certificate. */
export function enrolRoutes(app: FastifyInstance, { authority, fleets }: ServerContext, attempts: AttemptLimit): void {
  app.post(DEVICE_ROUTES.enrol, async (request, reply) => {
    attempts.check(request.ip);
    try {
      const wanted = validate(enrolRequestSchema, request.body, 'enrolment');
      // A device that is known stays in its fleet, whatever token it shows; a new one comes into that of its token.
      const { deviceId } = await authority.readRequest(wanted.csr);
      const known = await fleets.ofDevice(deviceId);
      const fleet = known ?? (await fleets.ofClaimToken(wanted.claimToken));
      if (fleet === null) throw new NodeosError('ENROLMENT_REFUSED', 'the claim token is unknown, used up or expired');
      const answer = await fleet.devices.enrol(wanted, request.ip);
      if (known === null)
        await fleet.audit.record({
          ...{ actor: `device ${deviceId}`, address: request.ip, action: 'enrol', target: `/devices/${deviceId}` },
          ...{ outcome: 'accepted', details: `${answer.state}, serial ${wanted.serial}, board ${wanted.board}` },
        });
      return reply.code(answer.state === 'pending' ? 202 : 200).send(answer);
    } catch (error) {
      if (isNodeosError(error) && error.code === 'ENROLMENT_REFUSED') attempts.failed(request.ip);
      throw error;
    }
  });
}
