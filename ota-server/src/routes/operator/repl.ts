import { appNameSchema, validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { ServerContext } from '../../context.ts';
import { type EventStream, openEventStream } from '../../live/event-stream.ts';
import { fleetOf } from './authenticate.ts';

export const replOpenSchema = z.strictObject({ app: appNameSchema.nullable() });
export const replInputSchema = z.strictObject({ data: z.string().max(65_536), end: z.boolean() });
interface SessionParams {
  Params: { id: string; session: string };
}

/** POST /api/v1/devices/:id/repl, then POST input to and GET output from /api/v1/devices/:id/repl/:session. */
export function replRoutes(scope: FastifyInstance, { repl }: ServerContext): void {
  scope.post<{ Params: { id: string } }>('/api/v1/devices/:id/repl', async (request) => {
    const { params, body } = request;
    const { app } = validate(replOpenSchema, body, 'repl');
    await fleetOf(request).devices.mustExist(params.id);
    return { session: await repl.open(params.id, app) };
  });

  scope.post<SessionParams>('/api/v1/devices/:id/repl/:session', async (request, reply) => {
    const { params, body } = request;
    const { data, end } = validate(replInputSchema, body, 'repl input');
    await fleetOf(request).devices.mustExist(params.id);
    await repl.send(params.id, params.session, data, end);
    return reply.code(204).send();
  });

  scope.get<SessionParams>('/api/v1/devices/:id/repl/:session', async (request, reply) => {
    const { params } = request;
    await fleetOf(request).devices.mustExist(params.id);
    let stream: EventStream | null = null;
    const early: unknown[] = [];
    let ended = false;
    const stop = repl.listen(params.id, params.session, (message) => {
      ended ||= message.end;
      if (stream === null) early.push(message);
      else stream.send('repl', message);
      if (ended) stream?.close();
    });
    stream = openEventStream(reply, stop);
    for (const message of early) stream.send('repl', message);
    if (ended) stream.close();
  });
}
