import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { readCookie, SESSION_COOKIE } from '../../access-tokens.ts';
import type { AttemptLimit } from '../../attempt-limit.ts';
import type { ServerContext } from '../../context.ts';
import { type FleetContext, MAIN_FLEET } from '../../fleets.ts';

const fleetOfRequest = new WeakMap<FastifyRequest, FleetContext>();

/** Demands the operator token or a session on every route of this scope. */
export function demandOperator(
  scope: FastifyInstance,
  { access, fleets }: ServerContext,
  attempts: AttemptLimit,
): void {
  scope.addHook('onRequest', async (request) => {
    const bearer = /^Bearer (\S{1,256})$/i.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined) {
      attempts.check(request.ip);
      if (access.isOperatorToken(bearer)) {
        fleetOfRequest.set(request, await fleets.get(MAIN_FLEET));
        return;
      }
      attempts.failed(request.ip);
    }
    const secret = readCookie(request.headers.cookie, SESSION_COOKIE);
    if (bearer === undefined && secret !== null && (await access.isSession(secret))) {
      fleetOfRequest.set(request, await fleets.get(MAIN_FLEET));
      return;
    }
    throw new NodeosError('UNAUTHENTICATED', 'the operator token is missing or wrong');
  });
}

/** The fleet that a request behind `demandOperator` is about: the only way from a route to a fleet's rows. */
export function fleetOf(request: FastifyRequest): FleetContext {
  const fleet = fleetOfRequest.get(request);
  if (fleet === undefined) throw new NodeosError('INTERNAL', 'the request was not authenticated');
  return fleet;
}
