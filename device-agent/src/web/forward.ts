import { createServer, type Server, type Socket } from 'node:net';
import { WEB_LIMITS, type WebLimits } from '@nodeos/contracts/limits.ts';
import { join } from './join.ts';

/**
 * A server that hands each connection to a port of an app. Not listening yet.
 * @param connect opens one that may be half open
 */
export function createForward(
  connect: () => Socket,
  limits: Pick<WebLimits, 'upgradedIdleTimeoutMs'> = WEB_LIMITS,
): Server {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (outside) =>
    join(outside, connect(), limits.upgradedIdleTimeoutMs),
  );
  server.maxConnections = WEB_LIMITS.connectionsMax;
  return server;
}
