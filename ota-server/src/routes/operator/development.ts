import { appNameSchema, validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import type { ServerContext } from '../../context.ts';
import { fleetOf } from './authenticate.ts';
import { sessionRoutes } from './repl.ts';

export const developmentOpenSchema = z.strictObject({
  app: appNameSchema,
  resume: z.string().max(64).nullable().default(null),
});

/**
 * POST /api/v1/devices/:id/development, then sessionRoutes.
 * Whether the device lets anything unsigned run is its own decision.
 */
export function developmentRoutes(scope: FastifyInstance, context: ServerContext): void {
  scope.post<{ Params: { id: string } }>('/api/v1/devices/:id/development', async (request) => {
    const { params, body } = request;
    const schema = developmentOpenSchema as z.ZodType<z.infer<typeof developmentOpenSchema>>;
    const { app, resume } = validate(schema, body, 'development session');
    await fleetOf(request).devices.mustExist(params.id);
    const session = await context.repl.open(params.id, 'development', (id) => {
      return { kind: 'development-open', session: id, app, resume };
    });
    return { session };
  });
  sessionRoutes(scope, context, 'development');
}
