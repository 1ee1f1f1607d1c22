import { DEVICE_ROUTES } from '@nodeos/contracts/device-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { SCREENSHOT_ANSWER_MAX_BYTES, screenshotAnswerSchema } from '@nodeos/contracts/screen.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ServerContext } from '../../context.ts';
import { deviceOf } from './authenticate.ts';

interface ScreenshotParams {
  Params: { request: string };
}

/** POST /device/v1/screenshots/<request>: taken from the device that was asked for it, once. */
export function screenshotAnswerRoutes(scope: FastifyInstance, { screenshots }: ServerContext): void {
  /** Before the body is read: it may be large. */
  const onRequest = async (request: FastifyRequest<ScreenshotParams>): Promise<void> => {
    if (!screenshots.expects(deviceOf(request as FastifyRequest).device.id, request.params.request))
      throw new NodeosError('NOT_FOUND', 'nobody waits for this picture');
  };
  const bodyLimit = SCREENSHOT_ANSWER_MAX_BYTES;
  scope.post<ScreenshotParams>(
    `${DEVICE_ROUTES.screenshots}/:request`,
    { onRequest, bodyLimit },
    async (request, reply) => {
      screenshots.receive(request.params.request, validate(screenshotAnswerSchema, request.body, 'screenshot'));
      return reply.code(204).send();
    },
  );
}
