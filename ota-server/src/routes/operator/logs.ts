import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { LogBatch } from '@nodeos/contracts/mqtt.ts';
import { appNameSchema, validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { ServerContext } from '../../context.ts';
import { SERVER_LIMITS } from '../../limits.ts';
import { type EventStream, openEventStream } from '../../live/event-stream.ts';
import { fleetOf } from './authenticate.ts';

export const logQuerySchema = z.strictObject({
  app: appNameSchema.optional(),
  backlog: z.coerce.number().int().min(0).max(1000).default(100),
  follow: z.enum(['0', '1']).default('0'),
});

/**
 * GET /api/v1/devices/:id/logs: server-sent events `log`. Without `follow` the stream ends when the device has been
 * quiet for a moment: the device marks no end of its past.
 */
export function logRoutes(scope: FastifyInstance, { logs }: ServerContext): void {
  scope.get<{ Params: { id: string } }>('/api/v1/devices/:id/logs', async (request, reply) => {
    const query = validate(logQuerySchema as z.ZodType<z.infer<typeof logQuerySchema>>, request.query, 'query');
    const deviceId = request.params.id;
    await fleetOf(request).devices.mustExist(deviceId);

    let stream: EventStream | null = null;
    let quiet: NodeJS.Timeout | undefined;
    const early: LogBatch[] = [];
    const endWhenQuiet = (milliseconds: number): void => {
      clearTimeout(quiet);
      if (query.follow === '0') quiet = setTimeout(() => stream?.close(), milliseconds);
    };
    const stop = await logs.watch({ deviceId, app: query.app ?? null, backlog: query.backlog }, (batch) => {
      if (stream === null) early.push(batch);
      else stream.send('log', batch);
      endWhenQuiet(SERVER_LIMITS.logQuietMs);
    });
    if (stop === null) throw new NodeosError('DEVICE_OFFLINE', `device ${deviceId} is not connected`);
    stream = openEventStream(reply, () => {
      clearTimeout(quiet);
      stop();
    });
    for (const batch of early) stream.send('log', batch);
    endWhenQuiet(early.length > 0 ? SERVER_LIMITS.logQuietMs : SERVER_LIMITS.logSilenceMs);
  });
}
