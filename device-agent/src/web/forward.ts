import { connect, createServer, type Server } from 'node:net';
import { WEB_LIMITS, type WebLimits } from '@nodeos/contracts/limits.ts';
import { join } from './join.ts';

/** A server that hands each connection to a port of the loopback. Not listening yet. */
export function createForward(port: number, limits: Pick<WebLimits, 'upgradedIdleTimeoutMs'> = WEB_LIMITS): Server {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (outside) => {
    const inside = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    join(outside, inside, limits.upgradedIdleTimeoutMs);
  });
  server.maxConnections = WEB_LIMITS.connectionsMax;
  return server;
}
