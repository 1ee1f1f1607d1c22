import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FastifyInstance } from 'fastify';
import { readCookie, SESSION_COOKIE } from '../../access-tokens.ts';
import type { AttemptLimit } from '../../attempt-limit.ts';
import type { ServerContext } from '../../context.ts';

/** Demands the operator token or a session on every route of this scope. */
export function demandOperator(scope: FastifyInstance, { access }: ServerContext, attempts: AttemptLimit): void {
  scope.addHook('onRequest', async (request) => {
    const bearer = /^Bearer (\S{1,256})$/i.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined) {
      attempts.check(request.ip);
      if (access.isOperatorToken(bearer)) return;
      attempts.failed(request.ip);
    }
    const secret = readCookie(request.headers.cookie, SESSION_COOKIE);
    if (bearer === undefined && secret !== null && (await access.isSession(secret))) return;
    throw new NodeosError('UNAUTHENTICATED', 'the operator token is missing or wrong');
  });
}
