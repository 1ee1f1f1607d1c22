import type { ReplMessage } from '@nodeos/contracts/mqtt.ts';
import { appNameSchema, validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance, FastifyReply } from 'fastify';
import * as z from 'zod';
import type { ServerContext } from '../../context.ts';
import { type EventStream, openEventStream } from '../../live/event-stream.ts';
import type { SessionKind } from '../../live/repl-sessions.ts';
import { fleetOf } from './authenticate.ts';

export const replOpenSchema = z.strictObject({ app: appNameSchema.nullable() });
export const replInputSchema = z.strictObject({ data: z.string().max(65_536), end: z.boolean() });
interface SessionParams {
  Params: { id: string; session: string };
}

/** POST /api/v1/devices/:id/repl, then sessionRoutes. */
export function replRoutes(scope: FastifyInstance, context: ServerContext): void {
  scope.post<{ Params: { id: string } }>('/api/v1/devices/:id/repl', async (request) => {
    const { params, body } = request;
    const { app } = validate(replOpenSchema, body, 'repl');
    await fleetOf(request).devices.mustExist(params.id);
    const session = await context.repl.open(params.id, 'repl', (id) => ({ kind: 'repl-open', session: id, app }));
    return { session };
  });
  sessionRoutes(scope, context, 'repl');
}

/** POST messages to and GET them from /api/v1/devices/:id/<kind>/:session. */
export function sessionRoutes(scope: FastifyInstance, { repl }: ServerContext, kind: SessionKind): void {
  const path = `/api/v1/devices/:id/${kind}/:session`;
  scope.post<SessionParams>(path, async (request, reply) => {
    const { params, body } = request;
    const { data, end } = validate(replInputSchema, body, `message of a ${kind} session`);
    await fleetOf(request).devices.mustExist(params.id);
    await repl.send(params.id, kind, params.session, data, end);
    return reply.code(204).send();
  });

  scope.get<SessionParams>(path, async (request, reply) => {
    const { params } = request;
    await fleetOf(request).devices.mustExist(params.id);
    streamSession(reply, kind, (receive) => repl.listen(params.id, kind, params.session, receive));
  });
}

/** Answers with what a session says, as server-sent events, until its end. */
function streamSession(
  reply: FastifyReply,
  event: SessionKind,
  listen: (receive: (message: ReplMessage) => void) => () => void,
): void {
  let stream: EventStream | null = null;
  const early: ReplMessage[] = [];
  let ended = false;
  const stop = listen((message) => {
    ended ||= message.end;
    if (stream === null) early.push(message);
    else stream.send(event, message);
    if (ended) stream?.close();
  });
  stream = openEventStream(reply, stop);
  for (const message of early) stream.send(event, message);
  if (ended) stream.close();
}
