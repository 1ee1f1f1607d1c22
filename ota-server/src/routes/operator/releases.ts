import type { Readable } from 'node:stream';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { sha256Schema, validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import type { ServerContext } from '../../context.ts';
import { SERVER_LIMITS } from '../../limits.ts';

/** PUT/GET /api/v1/tuf/*, PUT/HEAD /api/v1/blobs/:sha256, GET /api/v1/releases. */
export function releaseRoutes(scope: FastifyInstance, context: ServerContext): void {
  const { repository, blobs, store, changes } = context;

  scope.get('/api/v1/releases', async () => {
    const listed = (await store.listReleases()).filter((release) => release.listed);
    return { releases: listed.map(({ listed: _listed, ...release }) => release) };
  });

  scope.get<{ Params: { file: string } }>('/api/v1/tuf/:file', async ({ params }, reply) => {
    const octets = await repository.read(params.file);
    if (octets === null)
      throw new NodeosError('NOT_FOUND', `there is no metadata file ${params.file.slice(0, 64)} yet`);
    return reply.type('application/json').header('cache-control', 'no-store').send(octets);
  });

  // Signatures cover exact values: the text is taken as it came, not as Fastify would parse it.
  scope.register(async (metadata) => {
    metadata.removeAllContentTypeParsers();
    metadata.addContentTypeParser(
      '*',
      { parseAs: 'string', bodyLimit: SERVER_LIMITS.metadataMaxBytes },
      (_request, body, done) => done(null, body),
    );
    const text = (body: unknown): string => (typeof body === 'string' ? body : '');
    metadata.put('/api/v1/tuf/root', async ({ body }, reply) => {
      await repository.putRoot(text(body));
      return reply.code(204).send();
    });
    metadata.put('/api/v1/tuf/targets', async ({ body }) => {
      const releases = await repository.putTargets(text(body));
      changes.publish('releases', 'targets.json');
      return { releases };
    });
  });

  scope.register(async (octets) => {
    octets.removeAllContentTypeParsers();
    octets.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    octets.put<{ Params: { sha256: string } }>(
      '/api/v1/blobs/:sha256',
      { bodyLimit: SERVER_LIMITS.blobMaxBytes },
      async (request, reply) => {
        const sha256 = validate(sha256Schema, request.params.sha256, 'blob name');
        const length = Number(request.headers['content-length'] ?? 0);
        if (length > SERVER_LIMITS.blobMaxBytes)
          throw new NodeosError('PAYLOAD_TOO_LARGE', `a blob has at most ${SERVER_LIMITS.blobMaxBytes} octets`);
        const isNew = await blobs.put(sha256, (request.body as Readable | undefined) ?? request.raw);
        return reply.code(isNew ? 201 : 200).send();
      },
    );
  });

  scope.head<{ Params: { sha256: string } }>('/api/v1/blobs/:sha256', async ({ params }, reply) => {
    const sha256 = validate(sha256Schema, params.sha256, 'blob name');
    const size = await blobs.size(sha256);
    if (size === null) throw new NodeosError('NOT_FOUND', `there is no blob ${sha256}`);
    return reply.header('content-length', size).send();
  });
}
