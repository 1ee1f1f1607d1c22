import { DEVICE_ROUTES } from '@nodeos/contracts/device-api.ts';
import { describeError, NodeosError } from '@nodeos/contracts/errors.ts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendBlob } from '../../blobs/send-blob.ts';
import type { ServerContext } from '../../context.ts';
import { deviceOf } from './authenticate.ts';

/** GET /tuf/<metadata file> and GET/HEAD /targets/<consistent target path>, both from disk at each request. */
export function repositoryRoutes(scope: FastifyInstance, { log }: ServerContext): void {
  scope.get<{ Params: { file: string } }>(`${DEVICE_ROUTES.tuf}/:file`, async (request, reply) => {
    const { params } = request;
    const { repository } = deviceOf(request).fleet;
    // A repository that was damaged on the disk is served as it is: the devices judge it.
    if (params.file === 'timestamp.json')
      await repository.refresh().catch((error) => log.error(`metadata was not signed anew: ${describeError(error)}`));
    const octets = await repository.read(params.file);
    if (octets === null) throw new NodeosError('NOT_FOUND', `there is no metadata file ${params.file.slice(0, 64)}`);
    const fixed = /^\d/.test(params.file);
    return reply
      .type('application/json')
      .header('cache-control', fixed ? 'private, max-age=31536000, immutable' : 'no-store')
      .send(octets);
  });

  const sendTarget = async (request: FastifyRequest<{ Params: { '*': string } }>, reply: FastifyReply) => {
    const { blobs } = deviceOf(request).fleet;
    const path = request.params['*'];
    const sha256 = /(?:^|\/)([0-9a-f]{64})\.[^/]+$/.exec(path)?.[1];
    const size = sha256 === undefined ? null : await blobs.size(sha256);
    if (sha256 === undefined || size === null)
      throw new NodeosError('NOT_FOUND', `there is no target ${path.slice(0, 256)}`);
    return sendBlob(request, reply, blobs, sha256, size);
  };
  scope.get(`${DEVICE_ROUTES.targets}/*`, sendTarget);
  scope.head(`${DEVICE_ROUTES.targets}/*`, sendTarget);
}
