import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FastifyInstance } from 'fastify';
import { CONFIGURATION_RULES } from './configurations.ts';
import { FLEET_RULES } from './fleet.ts';
import { PEOPLE_RULES } from './people.ts';
import { PROVISIONING_RULES } from './provisioning.ts';
import type { RouteRules } from './rule.ts';
import { SERVER_RULES } from './server.ts';
import { WEBHOOK_RULES } from './webhooks.ts';

/** Every route of the operator API. */
export const ROUTE_RULES: RouteRules = {
  ...FLEET_RULES,
  ...CONFIGURATION_RULES,
  ...PEOPLE_RULES,
  ...PROVISIONING_RULES,
  ...SERVER_RULES,
  ...WEBHOOK_RULES,
};

/**
 * Gives each route its rule, and refuses to add one below /api that has none: a route that forgot to ask for a right does
 * not exist.
 */
export function demandRules(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const rule = ROUTE_RULES[`${route.method} ${route.url}`];
    if (rule === undefined && !route.url.startsWith('/api/')) return;
    if (rule === undefined)
      throw new NodeosError('INTERNAL', `the route ${route.method} ${route.url} has no rule in routes/operator/rules`);
    route.config = { ...route.config, rule } as typeof route.config;
  });
}
