import { sessionFleetSchema, sessionRequestSchema } from '@nodeos/contracts/access.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { verifyPassword } from '../../access/passwords.ts';
import { hashOf, readCookie, SESSION_COOKIE } from '../../access-tokens.ts';
import { AttemptLimit } from '../../attempt-limit.ts';
import type { AuditEvent } from '../../audit/audit-log.ts';
import type { ServerContext } from '../../context.ts';
import { MAIN_FLEET } from '../../fleets.ts';
import { SERVER_LIMITS } from '../../limits.ts';
import { identify, principalOf } from './authenticate.ts';

/** GET/POST/DELETE /api/v1/session: the dashboard's login. */
export function sessionRoutes(app: FastifyInstance, context: ServerContext, attempts: AttemptLimit): void {
  const { access, store, endings, fleets } = context;
  /** Into the log of each fleet of the user; the main fleet's for the operator token and for names that nobody has. */
  const audit = async (request: FastifyRequest, user: string | null, outcome: AuditEvent['outcome']): Promise<void> => {
    const memberships = user === null ? [] : await store.accounts.memberships(user);
    const ids = memberships.length > 0 ? memberships.map(({ fleet }) => fleet) : [MAIN_FLEET];
    const actor = user ?? 'operator token';
    const event = { actor, address: request.ip, action: `${request.method} /session`, target: '/session', outcome };
    for (const id of ids) await (await fleets.get(id)).audit.record(event);
  };
  const guesses = new AttemptLimit(SERVER_LIMITS.failedAttemptsPerUserAndMinute);

  /** @returns the user, null for the operator token. @throws NodeosError UNAUTHENTICATED, RATE_LIMITED */
  const signIn = async (request: FastifyRequest): Promise<string | null> => {
    attempts.check(request.ip);
    const shown = validate(sessionRequestSchema, request.body, 'session');
    if ('token' in shown) {
      if (await access.isOperatorToken(shown.token)) return null;
      attempts.failed(request.ip);
      await audit(request, null, 'refused');
      throw new NodeosError('UNAUTHENTICATED', 'this is not the operator token of this server', {
        hint: 'The token stands in the file `operator-token` of the data folder of the server.',
      });
    }
    guesses.check(shown.name);
    const user = await store.accounts.getUser(shown.name);
    if (await verifyPassword(shown.password, user?.password ?? null)) return shown.name;
    attempts.failed(request.ip);
    guesses.failed(shown.name);
    await audit(request, shown.name, 'refused');
    throw new NodeosError('UNAUTHENTICATED', 'the name or the password is wrong', {
      hint: 'An administrator of your fleet can give you a new password.',
    });
  };

  app.get('/api/v1/session', async (request) => {
    const principal = await identify(request, context, attempts).catch(() => null);
    return { signedIn: principal !== null, passwords: await store.accounts.hasUsers() };
  });

  app.post('/api/v1/session', async (request, reply) => {
    const user = await signIn(request);
    await audit(request, user, 'accepted');
    const [first] = user === null ? [] : await store.accounts.memberships(user);
    const secret = await access.openSession(user, first?.fleet ?? MAIN_FLEET, request.ip);
    return reply
      .code(204)
      .header('set-cookie', cookie(request, secret, SERVER_LIMITS.sessionLifetimeMs / 1000))
      .send();
  });

  app.delete('/api/v1/session', async (request, reply) => {
    const secret = readCookie(request.headers.cookie, SESSION_COOKIE);
    if (secret !== null) {
      const hash = hashOf(secret).toString('hex');
      const session = await store.accounts.getSession(hash, Date.now());
      if (session !== null) await audit(request, session.user, 'accepted');
      await store.accounts.removeSession(hash);
      endings.end(`session ${hash}`);
    }
    return reply
      .code(204)
      .header('set-cookie', cookie(request, '', 0))
      .send();
  });
}

/** PUT /api/v1/session: behind the demand for a caller. */
export function sessionFleetRoutes(scope: FastifyInstance, { store, fleets }: ServerContext): void {
  scope.put('/api/v1/session', async (request, reply) => {
    const { session, memberships } = principalOf(request);
    const { fleet } = validate(sessionFleetSchema, request.body, 'session');
    if (session === null)
      throw new NodeosError('CONFLICT', 'a token has no session', {
        hint: 'Name the fleet in the header nodeos-fleet.',
      });
    if (memberships !== null && !memberships.some((member) => member.fleet === fleet))
      throw new NodeosError('NOT_FOUND', `there is no fleet ${fleet} that you may see`);
    await fleets.get(fleet);
    await store.accounts.setSessionFleet(session, fleet);
    return reply.code(204).send();
  });
}

function cookie(request: FastifyRequest, value: string, seconds: number): string {
  // Said by a proxy that ends TLS, or by the caller about itself: it only makes the browser stricter.
  const secure = request.headers['x-forwarded-proto'] === 'https' ? '; Secure' : '';
  return `${SESSION_COOKIE}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}${secure}`;
}
