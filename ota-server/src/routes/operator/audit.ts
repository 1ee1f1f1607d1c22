import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import * as z from 'zod';
import type { AuditEvent } from '../../audit/audit-log.ts';
import { redact } from '../../audit/redact.ts';
import { SERVER_LIMITS } from '../../limits.ts';
import { fleetOf, isIdentified, principalOf } from './authenticate.ts';
import { ruleOf } from './rules/rule.ts';

export const auditQuerySchema = z.strictObject({
  before: z.coerce.number().int().positive().optional(),
  limit: z.coerce.number().int().min(1).max(SERVER_LIMITS.auditPageEntries).default(100),
  actor: z.string().max(200).optional(),
});

/** GET /api/v1/audit and /api/v1/audit/check */
export function auditRoutes(scope: FastifyInstance): void {
  scope.get('/api/v1/audit', (request) => {
    const schema = auditQuerySchema as z.ZodType<z.infer<typeof auditQuerySchema>>;
    return fleetOf(request).audit.page(validate(schema, request.query, 'query'));
  });
  scope.get('/api/v1/audit/check', (request) => fleetOf(request).audit.verify());
}

/**
 * Writes every request that would change something into the audit log, before it does: an entry without its effect may
 * exist, an effect without its entry may not. Refusals and failures follow as entries of their own.
 */
export function auditRequests(scope: FastifyInstance): void {
  const isAudited = (request: FastifyRequest): boolean =>
    ruleOf(request).audit ?? (request.method !== 'GET' && request.method !== 'HEAD');
  scope.addHook('preHandler', async (request) => {
    if (!isAudited(request)) return;
    await fleetOf(request).audit.record({ ...eventOf(request), outcome: 'accepted', details: redact(request.body) });
  });
  scope.addHook('onError', async (request, _reply, error) => {
    if (!isIdentified(request) || !isAudited(request)) return;
    const details = isNodeosError(error) ? `${error.code}: ${error.message}` : 'INTERNAL';
    const outcome = isNodeosError(error) && error.code === 'FORBIDDEN' ? 'refused' : 'failed';
    await fleetOf(request).audit.record({ ...eventOf(request), outcome, details });
  });
}

/** Who asks for what, from where. */
export function eventOf(request: FastifyRequest): Omit<AuditEvent, 'outcome'> {
  return {
    actor: principalOf(request).name,
    address: request.ip,
    action: `${request.method} ${request.routeOptions.url?.replace('/api/v1', '')}`,
    target: request.url.split('?')[0]?.replace('/api/v1', '').slice(0, 256) ?? '',
  };
}
