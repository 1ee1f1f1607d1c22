import type { Readable } from 'node:stream';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { sha256Schema, validate } from '@nodeos/contracts/validate.ts';
import type { FastifyInstance } from 'fastify';
import { SERVER_LIMITS } from '../../limits.ts';
import { fleetOf } from './authenticate.ts';

/** PUT/GET /api/v1/tuf/*, PUT/HEAD /api/v1/blobs/:sha256, GET /api/v1/releases. */
export function releaseRoutes(scope: FastifyInstance): void {
  scope.get('/api/v1/releases', async (request) => {
    const listed = (await fleetOf(request).store.releases.list()).filter((release) => release.listed);
    return { releases: listed.map(({ listed: _listed, ...release }) => release) };
  });

  scope.get<{ Params: { file: string } }>('/api/v1/tuf/:file', async (request, reply) => {
    const { params } = request;
    const octets = await fleetOf(request).repository.read(params.file);
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
    metadata.put('/api/v1/tuf/root', async (request, reply) => {
      await fleetOf(request).repository.putRoot(text(request.body));
      return reply.code(204).send();
    });
    metadata.put('/api/v1/tuf/targets', async (request) => {
      const { repository, changes, store, deployments } = fleetOf(request);
      const before = new Map((await store.releases.list()).map(({ target, custom }) => [target, custom.channel]));
      const releases = await repository.putTargets(text(request.body));
      changes.publish('releases', 'targets.json');
      const moved = (await store.releases.list()).filter(
        ({ target, custom }) => before.has(target) && before.get(target) !== custom.channel,
      );
      if (moved.length > 0) await deployments.channelsChanged(new Set(moved.map(({ target }) => target)));
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
        const isNew = await fleetOf(request).blobs.put(sha256, (request.body as Readable | undefined) ?? request.raw);
        return reply.code(isNew ? 201 : 200).send();
      },
    );
  });

  scope.head<{ Params: { sha256: string } }>('/api/v1/blobs/:sha256', async (request, reply) => {
    const sha256 = validate(sha256Schema, request.params.sha256, 'blob name');
    const size = await fleetOf(request).blobs.size(sha256);
    if (size === null) throw new NodeosError('NOT_FOUND', `there is no blob ${sha256}`);
    return reply.header('content-length', size).send();
  });
}
