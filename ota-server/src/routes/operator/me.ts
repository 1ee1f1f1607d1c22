import { type Identity, passwordChangeSchema, type SessionInfo } from '@nodeos/contracts/access.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { hashPassword, verifyPassword } from '../../access/passwords.ts';
import type { AttemptLimit } from '../../attempt-limit.ts';
import type { ServerContext } from '../../context.ts';
import { principalOf } from './authenticate.ts';
import { nothingSchema } from './nothing.ts';

const ID_LENGTH = 16;

/** Routes below /api/v1/me: what a caller may know and change of itself. */
export function meRoutes(scope: FastifyInstance, { store, endings }: ServerContext, attempts: AttemptLimit): void {
  const ownSessions = (request: FastifyRequest) => store.accounts.listSessions(principalOf(request).user, Date.now());
  const demandPerson = (request: FastifyRequest): void => {
    if (principalOf(request).kind === 'api-token')
      throw new NodeosError('FORBIDDEN', 'an API token cannot act for the account of its owner');
  };

  scope.get('/api/v1/me', async (request): Promise<Identity> => {
    const { kind, name, fleet, role, scopes, memberships } = principalOf(request);
    const fleets = [];
    for (const { id, name: title } of await store.listFleets()) {
      const own = memberships === null ? role : memberships.find((member) => member.fleet === id)?.role;
      if (own !== undefined) fleets.push({ id, name: title, role: own });
    }
    return { kind, name, fleet, role, scopes: [...scopes], fleets };
  });

  scope.put('/api/v1/me/password', async (request, reply) => {
    demandPerson(request);
    const { user, session } = principalOf(request);
    if (user === null)
      throw new NodeosError('CONFLICT', 'the operator token has no password', {
        hint: 'Delete the file `operator-token` and start the server again: it makes a new token.',
      });
    const { current, next } = validate(passwordChangeSchema, request.body, 'password');
    attempts.check(request.ip);
    const account = await store.accounts.getUser(user);
    if (!(await verifyPassword(current, account?.password ?? null))) {
      attempts.failed(request.ip);
      throw new NodeosError('FORBIDDEN', 'the current password is wrong', { hint: 'Type the current password again.' });
    }
    await store.accounts.setPassword(user, await hashPassword(next));
    for (const { hash } of await ownSessions(request)) {
      if (hash === session) continue;
      await store.accounts.removeSession(hash);
      endings.end(`session ${hash}`);
    }
    return reply.code(204).send();
  });

  scope.get('/api/v1/me/sessions', async (request): Promise<{ sessions: SessionInfo[] }> => {
    demandPerson(request);
    const { session } = principalOf(request);
    const sessions = (await ownSessions(request)).map(({ hash, createdAt, expiresAt, address }) => ({
      id: hash.slice(0, ID_LENGTH),
      ...{ createdAt, expiresAt, address, current: hash === session },
    }));
    return { sessions };
  });

  scope.delete<{ Params: { id: string } }>('/api/v1/me/sessions/:id', async (request, reply) => {
    demandPerson(request);
    validate(nothingSchema, request.body, 'session');
    const found = (await ownSessions(request)).find(({ hash }) => hash.slice(0, ID_LENGTH) === request.params.id);
    if (found === undefined)
      throw new NodeosError('NOT_FOUND', `you have no session ${request.params.id.slice(0, 32)}`);
    await store.accounts.removeSession(found.hash);
    endings.end(`session ${found.hash}`);
    return reply.code(204).send();
  });
}
