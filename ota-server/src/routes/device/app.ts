import type { Server } from 'node:https';
import fastify, { type FastifyInstance, LogController } from 'fastify';
import { Admission } from '../../admission.ts';
import { AttemptLimit } from '../../attempt-limit.ts';
import type { KeyAndCertificate } from '../../authority.ts';
import { rabbitmqRoutes } from '../../broker/rabbitmq-routes.ts';
import type { ServerContext } from '../../context.ts';
import { answerErrors, answerFrameworkError } from '../../error-answers.ts';
import { limitHandshakes } from '../../handshake-limit.ts';
import { limitIdleConnections } from '../../idle-connections.ts';
import { SERVER_LIMITS } from '../../limits.ts';
import { logRequests } from '../request-log.ts';
import { demandDevice } from './authenticate.ts';
import { enrolRoutes } from './enrol.ts';
import { repositoryRoutes } from './repository.ts';
import { screenshotAnswerRoutes } from './screenshots.ts';
import { spreadOut } from './spread-out.ts';
import { stateRoutes } from './state.ts';

/** The devices' surface: HTTPS with client certificates. */
export function buildDeviceApp(context: ServerContext, certificate: KeyAndCertificate): FastifyInstance {
  const app = fastify({
    loggerInstance: context.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: SERVER_LIMITS.jsonBodyMaxBytes,
    forceCloseConnections: true,
    keepAliveTimeout: SERVER_LIMITS.deviceKeepAliveMs,
    exposeHeadRoutes: false,
    frameworkErrors: answerFrameworkError,
    https: {
      ...certificate,
      ca: context.authority.certificate,
      // Asked for, not demanded, by TLS: enrolment comes without one. The hook demands it everywhere else.
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
    },
  }) as unknown as FastifyInstance;
  context.door.guard(app.server);
  limitHandshakes(app.server);
  limitIdleConnections(app.server as unknown as Server);
  answerErrors(app);
  logRequests(app, 'device', context);
  context.drain.watch(app);
  spreadOut(
    app,
    new Admission({
      perSecond: SERVER_LIMITS.deviceRequestsPerSecond,
      burst: SERVER_LIMITS.deviceRequestsBurst,
      atOnce: SERVER_LIMITS.deviceRequestsAtOnce,
      whenFullPerSecond: SERVER_LIMITS.deviceRequestsWhenFullPerSecond,
    }),
  );
  enrolRoutes(app, context, new AttemptLimit(SERVER_LIMITS.failedAttemptsPerMinute));
  const { authority, fleets } = context;
  rabbitmqRoutes(app, { ca: authority.certificate, mayConnect: (id) => fleets.mayConnect(id) });
  app.register(async (scope) => {
    demandDevice(scope, context);
    stateRoutes(scope);
    screenshotAnswerRoutes(scope, context);
    repositoryRoutes(scope, context);
  });
  return app;
}
