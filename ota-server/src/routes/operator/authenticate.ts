import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../../access/principals.ts';
import type { AttemptLimit } from '../../attempt-limit.ts';
import type { ServerContext } from '../../context.ts';
import type { FleetContext } from '../../fleets.ts';
import { ruleOf } from './rules/rule.ts';

interface Caller {
  readonly principal: Principal;
  readonly fleet: FleetContext;
}
const callers = new WeakMap<FastifyRequest, Caller>();

/** Demands, on every route of this scope, a caller who has the right that the route's rule names. */
export function demandCaller(scope: FastifyInstance, context: ServerContext, attempts: AttemptLimit): void {
  scope.addHook('onRequest', async (request, reply) => {
    const principal = await identify(request, context, attempts);
    if (principal === null)
      throw new NodeosError('UNAUTHENTICATED', 'the token or the session is missing, wrong or over');
    callers.set(request, { principal, fleet: await context.fleets.get(principal.fleet) });
    const { scope: needed } = ruleOf(request);
    if (needed !== null && needed !== 'public' && !principal.scopes.has(needed))
      throw new NodeosError(
        'FORBIDDEN',
        `this needs the right "${needed}", which ${principal.name} does not have here`,
      );
    cutWhenRightEnds(request, reply, context, principal);
  });
}

/** Null where the request shows nothing that is valid. @throws NodeosError RATE_LIMITED, NOT_FOUND */
export async function identify(
  request: FastifyRequest,
  { principals }: ServerContext,
  attempts: AttemptLimit,
): Promise<Principal | null> {
  const bearer = /^Bearer (\S{1,256})$/i.exec(request.headers.authorization ?? '')?.[1];
  if (bearer === undefined) return principals.ofCookie(request);
  attempts.check(request.ip);
  const principal = await principals.ofBearer(bearer, request);
  if (principal === null) attempts.failed(request.ip);
  return principal;
}

/** A stream that is open when its session ends, its token is revoked or its user's role changes, ends with that. */
function cutWhenRightEnds(
  request: FastifyRequest,
  reply: FastifyReply,
  { endings }: ServerContext,
  { session, apiToken, user }: Principal,
): void {
  const keys: string[] = [];
  if (session !== null) keys.push(`session ${session}`);
  if (apiToken !== null) keys.push(`token ${apiToken}`);
  if (user !== null) keys.push(`user ${user}`);
  if (keys.length === 0) return;
  // An answer that has not begun is short, and may be the one to the request that ends the right.
  const stop = endings.subscribe(keys, () => {
    if (reply.raw.headersSent) request.raw.socket.destroy();
  });
  reply.raw.on('close', stop);
}

/** The fleet that a request behind `demandCaller` is about: the only way from a route to a fleet's rows. */
export function fleetOf(request: FastifyRequest): FleetContext {
  return callerOf(request).fleet;
}

/** False where the request was refused before it was known who makes it. */
export function isIdentified(request: FastifyRequest): boolean {
  return callers.has(request);
}

export function principalOf(request: FastifyRequest): Principal {
  return callerOf(request).principal;
}

function callerOf(request: FastifyRequest): Caller {
  const caller = callers.get(request);
  if (caller === undefined) throw new NodeosError('INTERNAL', 'the request was not authenticated');
  return caller;
}
