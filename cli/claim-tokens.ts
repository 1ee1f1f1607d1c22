import {
  type ClaimTokenRequest,
  type ListedClaimToken,
  listedClaimTokenSchema,
} from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import type { ServerClient } from './client.ts';

const tokensSchema = z.object({ claimTokens: z.array(listedClaimTokenSchema) });

export async function createClaimToken(client: ServerClient, request: ClaimTokenRequest): Promise<ListedClaimToken> {
  return validate(listedClaimTokenSchema, await client.send('POST', '/claim-tokens', request), 'the new claim token');
}

export async function listClaimTokens(client: ServerClient): Promise<ListedClaimToken[]> {
  return (await client.get('/claim-tokens', tokensSchema)).claimTokens;
}
