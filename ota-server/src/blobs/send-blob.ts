import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Blobs } from './blobs.ts';

/**
 * Answers GET and HEAD for a blob that never changes: strong ETag, one byte range (RFC 9110, 14), If-Range and
 * If-None-Match. Several ranges or an unknown unit are answered whole, as the RFC allows.
 */
export async function sendBlob(
  request: FastifyRequest,
  reply: FastifyReply,
  blobs: Blobs,
  sha256: string,
  size: number,
): Promise<FastifyReply> {
  const etag = `"${sha256}"`;
  reply
    .header('etag', etag)
    .header('accept-ranges', 'bytes')
    .header('cache-control', 'private, max-age=31536000, immutable')
    .type('application/octet-stream');
  if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();

  const conditional = request.headers['if-range'];
  const asked = conditional === undefined || conditional === etag ? request.headers.range : undefined;
  const range = asked === undefined || request.method === 'HEAD' ? null : parseRange(asked, size);
  if (range === 'unsatisfiable') return reply.code(416).header('content-range', `bytes */${size}`).send();

  reply.header('content-length', range === null ? size : range.end - range.start + 1);
  if (range !== null) reply.code(206).header('content-range', `bytes ${range.start}-${range.end}/${size}`);
  if (request.method === 'HEAD') return reply.send();
  return reply.send(await blobs.read(sha256, range ?? { start: 0, end: Math.max(0, size - 1) }));
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((part) => ['*', etag].includes(part.trim().replace(/^W\//, '')));
}

/** One range of `bytes`; null where the header does not apply. */
export function parseRange(header: string, size: number): { start: number; end: number } | 'unsatisfiable' | null {
  const parts = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim());
  if (parts === null || (parts[1] === '' && parts[2] === '')) return null;
  if (parts[1] === '') {
    const suffix = Number(parts[2]);
    return suffix === 0 || size === 0 ? 'unsatisfiable' : { start: Math.max(0, size - suffix), end: size - 1 };
  }
  const start = Number(parts[1]);
  const end = parts[2] === '' ? size - 1 : Math.min(Number(parts[2]), size - 1);
  if (parts[2] !== '' && Number(parts[2]) < start) return null;
  return start >= size ? 'unsatisfiable' : { start, end };
}
