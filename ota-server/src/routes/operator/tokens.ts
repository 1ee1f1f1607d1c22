import { randomBytes } from 'node:crypto';
import { type ApiToken, apiTokenRequestSchema, type NewApiToken } from '@nodeos/contracts/access.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { hashOf } from '../../access-tokens.ts';
import type { ServerContext } from '../../context.ts';
import type { ApiTokenRecord } from '../../store/people.ts';
import { fleetOf, principalOf } from './authenticate.ts';
import { nothingSchema } from './nothing.ts';

/** Routes below /api/v1/tokens: API tokens of the caller's fleet. */
export function tokenRoutes(scope: FastifyInstance, { endings }: ServerContext): void {
  /** One's own, and for administrators all. */
  const visible = async (request: FastifyRequest): Promise<ApiTokenRecord[]> => {
    const { user, scopes } = principalOf(request);
    const all = await fleetOf(request).store.people.listApiTokens();
    return scopes.has('people') ? all : all.filter((token) => token.user === user);
  };

  scope.get('/api/v1/tokens', async (request) => ({ tokens: (await visible(request)).map(describe) }));

  scope.post('/api/v1/tokens', async (request): Promise<NewApiToken> => {
    const principal = principalOf(request);
    const { name, scopes, expiresAt } = validate(apiTokenRequestSchema, request.body, 'API token');
    // One that leaks must not be able to make others that outlive it.
    if (principal.kind === 'api-token')
      throw new NodeosError('FORBIDDEN', 'an API token cannot make API tokens', { hint: 'Sign in as a user.' });
    const missing = scopes.find((wanted) => !principal.scopes.has(wanted));
    if (missing !== undefined)
      throw new NodeosError('FORBIDDEN', `${principal.name} does not have the right "${missing}" to give away`);
    const now = Date.now();
    if (expiresAt !== null && expiresAt <= now) throw new NodeosError('INPUT_INVALID', 'expiresAt: lies in the past');
    const token = `nodeos_${randomBytes(32).toString('base64url')}`;
    const record: ApiTokenRecord = {
      ...{ id: randomBytes(8).toString('hex'), hash: hashOf(token).toString('hex'), name, user: principal.user },
      ...{ scopes: [...new Set(scopes)], createdAt: now, expiresAt, lastUsed: null },
    };
    await fleetOf(request).store.people.addApiToken(record);
    return { ...describe(record), token };
  });

  scope.delete<{ Params: { id: string } }>('/api/v1/tokens/:id', async (request, reply) => {
    validate(nothingSchema, request.body, 'API token');
    const { id } = request.params;
    if (!(await visible(request)).some((token) => token.id === id))
      throw new NodeosError('NOT_FOUND', `there is no API token ${id.slice(0, 32)}`);
    await fleetOf(request).store.people.removeApiToken(id);
    endings.end(`token ${id}`);
    return reply.code(204).send();
  });
}

const describe = ({ hash: _hash, scopes, ...token }: ApiTokenRecord): ApiToken => ({ ...token, scopes: [...scopes] });
