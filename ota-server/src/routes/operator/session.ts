import { NodeosError } from '@nodeos/contracts/errors.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { readCookie, SESSION_COOKIE } from '../../access-tokens.ts';
import type { AttemptLimit } from '../../attempt-limit.ts';
import type { ServerContext } from '../../context.ts';
import { SERVER_LIMITS } from '../../limits.ts';

const sessionRequestSchema = z.strictObject({ token: z.string().min(1).max(256) });

/** POST/DELETE /api/v1/session: the dashboard's login. */
export function sessionRoutes(app: FastifyInstance, { access }: ServerContext, attempts: AttemptLimit): void {
  const cookie = (value: string, seconds: number): string =>
    `${SESSION_COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}`;

  app.post('/api/v1/session', async (request, reply) => {
    attempts.check(request.ip);
    const { token } = validate(sessionRequestSchema, request.body, 'session');
    if (!access.isOperatorToken(token)) {
      attempts.failed(request.ip);
      throw new NodeosError('UNAUTHENTICATED', 'this is not the operator token of this server', {
        hint: 'The token stands in the file `operator-token` of the data folder of the server.',
      });
    }
    const secret = await access.openSession();
    return reply
      .code(204)
      .header('set-cookie', cookie(secret, SERVER_LIMITS.sessionLifetimeMs / 1000))
      .send();
  });

  app.delete('/api/v1/session', async (request, reply) => {
    const secret = readCookie(request.headers.cookie, SESSION_COOKIE);
    if (secret !== null) await access.closeSession(secret);
    return reply.code(204).header('set-cookie', cookie('', 0)).send();
  });
}
