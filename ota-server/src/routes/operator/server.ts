import type { ServerInfo } from '@nodeos/contracts/operator-api.ts';
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../../context.ts';

/** GET /api/v1/server */
export function serverRoutes(scope: FastifyInstance, context: ServerContext): void {
  scope.get('/api/v1/server', async (): Promise<ServerInfo> => {
    const { device, mqtt } = context.addresses();
    return {
      version: context.version,
      deviceUrl: device.url,
      brokerUrl: mqtt.url,
      ca: context.authority.certificate,
      rootVersion: await context.repository.rootVersion(),
      onlineKeys: { snapshot: context.keys.snapshot.publicHex, timestamp: context.keys.timestamp.publicHex },
    };
  });
}
