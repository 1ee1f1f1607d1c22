import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { FLEET_RULES } from './fleet.ts';
import { PEOPLE_RULES } from './people.ts';
import type { RouteRule, RouteRules } from './rule.ts';

/** Every route of the operator API. */
export const ROUTE_RULES: RouteRules = { ...FLEET_RULES, ...PEOPLE_RULES };

/** Refuses to add a route below /api that has no rule: a route that forgot to ask for a right does not exist. */
export function demandRules(app: FastifyInstance): void {
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat())
      if (url.startsWith('/api/') && ROUTE_RULES[`${one} ${url}`] === undefined)
        throw new NodeosError('INTERNAL', `the route ${one} ${url} has no rule in routes/operator/rules`);
  });
}

export function ruleOf(request: FastifyRequest): RouteRule {
  const rule = ROUTE_RULES[`${request.method} ${request.routeOptions.url}`];
  if (rule === undefined) throw new NodeosError('INTERNAL', `${request.method} ${request.url} has no rule`);
  return rule;
}
