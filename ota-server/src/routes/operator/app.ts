import fastify, { type FastifyInstance, LogController } from 'fastify';
import { AttemptLimit } from '../../attempt-limit.ts';
import type { ServerContext } from '../../context.ts';
import { answerErrors, answerFrameworkError } from '../../error-answers.ts';
import { SERVER_LIMITS } from '../../limits.ts';
import { logRequests } from '../request-log.ts';
import { auditRequests, auditRoutes } from './audit.ts';
import { demandCaller } from './authenticate.ts';
import { backupRoute } from './backup.ts';
import { configurationRoutes } from './configurations.ts';
import { dashboardRoutes, secureHeaders } from './dashboard.ts';
import { deploymentRoutes } from './deployments.ts';
import { developmentRoutes } from './development.ts';
import { deviceRoutes } from './devices.ts';
import { eventRoutes } from './events.ts';
import { fleetRoutes } from './fleets.ts';
import { groupRoutes } from './groups.ts';
import { healthRoutes, metricsRoute } from './health.ts';
import { logRoutes } from './logs.ts';
import { meRoutes } from './me.ts';
import { openApiRoute } from './openapi.ts';
import { peopleRoutes } from './people.ts';
import { provisioningRoutes } from './provisioning.ts';
import { releaseRoutes } from './releases.ts';
import { replRoutes } from './repl.ts';
import { demandRules, ROUTE_RULES } from './rules/rules.ts';
import { screenshotRoutes } from './screenshots.ts';
import { serverRoutes } from './server.ts';
import { sessionFleetRoutes, sessionRoutes } from './session.ts';
import { tokenRoutes } from './tokens.ts';
import { webhookRoutes } from './webhooks.ts';

/** The operator's surface: API below /api/v1, health, dashboard. */
export function buildOperatorApp(context: ServerContext, webFolder: string | null): FastifyInstance {
  const app = fastify({
    loggerInstance: context.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: SERVER_LIMITS.jsonBodyMaxBytes,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    frameworkErrors: answerFrameworkError,
  }) as unknown as FastifyInstance;
  const attempts = new AttemptLimit(SERVER_LIMITS.failedAttemptsPerMinute);
  answerErrors(app);
  secureHeaders(app);
  demandRules(app);
  logRequests(app, 'operator', context);
  context.drain.watch(app);
  healthRoutes(app, context);
  openApiRoute(app, ROUTE_RULES, context.version);
  sessionRoutes(app, context, attempts);
  app.register(async (scope) => {
    demandCaller(scope, context, attempts);
    auditRequests(scope);
    auditRoutes(scope);
    sessionFleetRoutes(scope, context);
    meRoutes(scope, context, attempts);
    fleetRoutes(scope, context);
    peopleRoutes(scope, context);
    tokenRoutes(scope, context);
    serverRoutes(scope, context);
    deviceRoutes(scope);
    logRoutes(scope, context);
    replRoutes(scope, context);
    developmentRoutes(scope, context);
    screenshotRoutes(scope, context);
    provisioningRoutes(scope);
    releaseRoutes(scope);
    deploymentRoutes(scope);
    groupRoutes(scope);
    configurationRoutes(scope);
    eventRoutes(scope);
    metricsRoute(scope, context);
    webhookRoutes(scope);
    backupRoute(scope, context);
  });
  if (webFolder !== null) dashboardRoutes(app, webFolder);
  return app;
}
