import { validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { createBackup } from '../../backup/backup.ts';
import type { ServerContext } from '../../context.ts';

export const backupQuerySchema = z.strictObject({ blobs: z.enum(['0', '1']).default('0') });

/** GET /api/v1/backup: a tar archive of the running server. */
export function backupRoute(scope: FastifyInstance, { store, configuration, version }: ServerContext): void {
  scope.get('/api/v1/backup', async (request, reply) => {
    const schema = backupQuerySchema as z.ZodType<z.infer<typeof backupQuerySchema>>;
    const { blobs } = validate(schema, request.query, 'query');
    // Before the answer begins: an error could only cut it off.
    store.checkBackup();
    const archive = createBackup({ store, dataDir: configuration.dataDir, version, blobs: blobs === '1' });
    return reply.type('application/x-tar').header('cache-control', 'no-store').send(archive);
  });
}
