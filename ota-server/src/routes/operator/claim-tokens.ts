import { randomBytes } from 'node:crypto';
import { type ClaimToken, claimTokenRequestSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../../context.ts';

/** GET/POST /api/v1/claim-tokens */
export function claimTokenRoutes(scope: FastifyInstance, { store }: ServerContext): void {
  scope.get('/api/v1/claim-tokens', async () => ({ claimTokens: await store.listClaimTokens() }));
  scope.post('/api/v1/claim-tokens', async (request): Promise<ClaimToken> => {
    const wanted = validate(claimTokenRequestSchema, request.body, 'claim token');
    const token = { ...wanted, token: randomBytes(18).toString('base64url'), used: 0, createdAt: Date.now() };
    await store.addClaimToken(token);
    return token;
  });
}
