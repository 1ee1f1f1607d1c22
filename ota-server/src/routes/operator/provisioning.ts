import { createHash } from 'node:crypto';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type ClaimToken, claimTokenRequestSchema, type ListedClaimToken } from '@nodeos/contracts/operator-api.ts';
import { replaceRequestSchema } from '@nodeos/contracts/provisioning.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import type * as z from 'zod';
import { randomText } from '../../access/random-text.ts';
import { SERVER_LIMITS } from '../../limits.ts';
import { readRegistrations } from '../../provisioning/csv.ts';
import { fleetOf } from './authenticate.ts';
import { nothingSchema } from './nothing.ts';

type ById = { Params: { id: string } };

/** Claim tokens, registered serial numbers, and devices that are replaced or taken out. */
export function provisioningRoutes(scope: FastifyInstance): void {
  claimTokenRoutes(scope);
  registrationRoutes(scope);

  scope.post<ById>('/api/v1/devices/:id/replace', (request) => {
    const { old } = validate(replaceRequestSchema, request.body, 'replace');
    return fleetOf(request).devices.replace(request.params.id, old);
  });
  scope.delete<ById>('/api/v1/devices/:id', async (request, reply) => {
    validate(nothingSchema, request.body, 'device');
    await fleetOf(request).devices.remove(request.params.id);
    return reply.code(204).send();
  });
}

function claimTokenRoutes(scope: FastifyInstance): void {
  scope.get('/api/v1/claim-tokens', async (request) => ({
    claimTokens: (await fleetOf(request).store.claimTokens.list()).map(listed),
  }));
  scope.post('/api/v1/claim-tokens', async (request): Promise<ListedClaimToken> => {
    const schema = claimTokenRequestSchema as z.ZodType<z.infer<typeof claimTokenRequestSchema>>;
    const wanted = validate(schema, request.body, 'claim token');
    const token = { ...wanted, token: randomText(18), used: 0, createdAt: Date.now() };
    await fleetOf(request).store.claimTokens.add(token);
    return listed(token);
  });
  scope.delete<ById>('/api/v1/claim-tokens/:id', async (request, reply) => {
    validate(nothingSchema, request.body, 'claim token');
    const { store } = fleetOf(request);
    const found = (await store.claimTokens.list()).map(listed).find(({ id }) => id === request.params.id);
    if (found === undefined)
      throw new NodeosError('NOT_FOUND', `there is no claim token ${request.params.id.slice(0, 32)}`);
    await store.claimTokens.remove(found.token);
    return reply.code(204).send();
  });
}

function registrationRoutes(scope: FastifyInstance): void {
  scope.get('/api/v1/registrations', async (request) => ({
    registrations: await fleetOf(request).store.provisioning.listRegistrations(),
  }));
  scope.register(async (text) => {
    text.removeAllContentTypeParsers();
    text.addContentTypeParser(
      '*',
      { parseAs: 'string', bodyLimit: SERVER_LIMITS.registrationsMaxBytes },
      (_request, body, done) => done(null, body),
    );
    text.put('/api/v1/registrations', async (request) => {
      const rows = readRegistrations(typeof request.body === 'string' ? request.body : '');
      const createdAt = Date.now();
      return fleetOf(request).store.transaction(async ({ provisioning }) => {
        let added = 0;
        for (const row of rows) if (await provisioning.putRegistration({ ...row, createdAt })) added++;
        return { added, changed: rows.length - added };
      });
    });
  });
  scope.delete<{ Params: { serial: string } }>('/api/v1/registrations/:serial', async (request, reply) => {
    validate(nothingSchema, request.body, 'registration');
    const { provisioning } = fleetOf(request).store;
    const { serial } = request.params;
    if ((await provisioning.getRegistration(serial)) === null)
      throw new NodeosError('NOT_FOUND', `the serial number ${serial.slice(0, 64)} is not registered`);
    await provisioning.removeRegistration(serial);
    return reply.code(204).send();
  });
}

/** The id stands in paths and logs, where the token itself must not. */
function listed(token: ClaimToken): ListedClaimToken {
  return { ...token, id: createHash('sha256').update(token.token).digest('hex').slice(0, 16) };
}
