import { type ClaimToken, type ClaimTokenRequest, claimTokenSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import type { ServerClient } from './client.ts';

const tokensSchema = z.object({ claimTokens: z.array(claimTokenSchema) });

export async function createClaimToken(client: ServerClient, request: ClaimTokenRequest): Promise<ClaimToken> {
  return validate(claimTokenSchema, await client.send('POST', '/claim-tokens', request), 'the new claim token');
}

export async function listClaimTokens(client: ServerClient): Promise<ClaimToken[]> {
  return (await client.get('/claim-tokens', tokensSchema)).claimTokens;
}
