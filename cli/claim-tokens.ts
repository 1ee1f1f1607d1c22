import { type ClaimToken, type ClaimTokenRequest, claimTokenSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import type { ServerClient } from './client.ts';

const tokensSchema = z.union([z.array(claimTokenSchema), z.object({ claimTokens: z.array(claimTokenSchema) })]);

export async function createClaimToken(client: ServerClient, request: ClaimTokenRequest): Promise<ClaimToken> {
  return validate(claimTokenSchema, await client.send('POST', '/claim-tokens', request), 'the new claim token');
}

export async function listClaimTokens(client: ServerClient): Promise<ClaimToken[]> {
  const answer = await client.get('/claim-tokens', tokensSchema);
  return Array.isArray(answer) ? answer : answer.claimTokens;
}
