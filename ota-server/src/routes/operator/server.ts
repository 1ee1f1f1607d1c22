import type { ServerInfo } from '@nodeos/contracts/operator-api.ts';
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../../context.ts';
import { fleetOf } from './authenticate.ts';

/** GET /api/v1/server */
export function serverRoutes(scope: FastifyInstance, context: ServerContext): void {
  scope.get('/api/v1/server', async (request): Promise<ServerInfo> => {
    const { device, mqtt } = context.addresses();
    return {
      version: context.version,
      deviceUrl: device.url,
      brokerUrl: mqtt.url,
      ca: context.authority.certificate,
      rootVersion: await fleetOf(request).repository.rootVersion(),
      onlineKeys: { snapshot: context.keys.snapshot.publicHex, timestamp: context.keys.timestamp.publicHex },
    };
  });
}
