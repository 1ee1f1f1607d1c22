import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../../context.ts';
import { fleetOf } from './authenticate.ts';

/** GET /api/v1/devices/:id/screenshot: a PNG of what the screen shows at this moment. */
export function screenshotRoutes(scope: FastifyInstance, { screenshots }: ServerContext): void {
  scope.get<{ Params: { id: string } }>('/api/v1/devices/:id/screenshot', async (request, reply) => {
    const { id } = request.params;
    await fleetOf(request).devices.mustExist(id);
    const png = await screenshots.take(id);
    return reply.type('image/png').header('cache-control', 'no-store').send(png);
  });
}
