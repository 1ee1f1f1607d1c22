import { appNameSchema, validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { ServerContext } from '../../context.ts';
import { fleetOf } from './authenticate.ts';
import { replInputSchema, type SessionParams, streamSession } from './repl.ts';

export const developmentOpenSchema = z.strictObject({
  app: appNameSchema,
  resume: z.string().max(64).nullable().default(null),
});

/**
 * POST /api/v1/devices/:id/development, then POST messages to and GET them from /api/v1/devices/:id/development/:session.
 * Whether the device lets anything unsigned run is its own decision.
 */
export function developmentRoutes(scope: FastifyInstance, { repl }: ServerContext): void {
  scope.post<{ Params: { id: string } }>('/api/v1/devices/:id/development', async (request) => {
    const { params, body } = request;
    const schema = developmentOpenSchema as z.ZodType<z.infer<typeof developmentOpenSchema>>;
    const { app, resume } = validate(schema, body, 'development session');
    await fleetOf(request).devices.mustExist(params.id);
    const session = await repl.open(params.id, 'development', (id) => {
      return { kind: 'development-open', session: id, app, resume };
    });
    return { session };
  });

  scope.post<SessionParams>('/api/v1/devices/:id/development/:session', async (request, reply) => {
    const { params, body } = request;
    const { data, end } = validate(replInputSchema, body, 'message');
    await fleetOf(request).devices.mustExist(params.id);
    await repl.send(params.id, 'development', params.session, data, end);
    return reply.code(204).send();
  });

  scope.get<SessionParams>('/api/v1/devices/:id/development/:session', async (request, reply) => {
    const { params } = request;
    await fleetOf(request).devices.mustExist(params.id);
    streamSession(reply, 'development', (receive) => repl.listen(params.id, 'development', params.session, receive));
  });
}
