import { randomBytes } from 'node:crypto';
import { type ClaimToken, claimTokenRequestSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import { fleetOf } from './authenticate.ts';

/** GET/POST /api/v1/claim-tokens */
export function claimTokenRoutes(scope: FastifyInstance): void {
  scope.get('/api/v1/claim-tokens', async (request) => ({
    claimTokens: await fleetOf(request).store.listClaimTokens(),
  }));
  scope.post('/api/v1/claim-tokens', async (request): Promise<ClaimToken> => {
    const wanted = validate(claimTokenRequestSchema, request.body, 'claim token');
    const token = { ...wanted, token: randomBytes(18).toString('base64url'), used: 0, createdAt: Date.now() };
    await fleetOf(request).store.addClaimToken(token);
    return token;
  });
}
