import { ERROR_HINTS, type ErrorCode, isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import type { ErrorBody } from '@nodeos/contracts/operator-api.ts';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** HTTP status of each code that a route can answer with; all others are 500. */
export const ERROR_STATUS: Readonly<Partial<Record<ErrorCode, number>>> = Object.freeze({
  INPUT_INVALID: 400,
  VERSION_INVALID: 400,
  QUERY_INVALID: 400,
  APP_NAME_INVALID: 400,
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  ENROLMENT_REFUSED: 403,
  ENROLMENT_PENDING: 403,
  NOT_FOUND: 404,
  RELEASE_UNKNOWN: 404,
  CONFLICT: 409,
  RELEASE_EXISTS: 409,
  RELEASE_INCOMPATIBLE: 409,
  DOWNGRADE_REFUSED: 409,
  DEVICE_PINNED: 409,
  METADATA_STALE: 409,
  DEVICE_OFFLINE: 409,
  SCREEN_UNAVAILABLE: 409,
  PAYLOAD_TOO_LARGE: 413,
  HASH_MISMATCH: 422,
  LENGTH_MISMATCH: 422,
  SIGNATURE_INVALID: 422,
  METADATA_INVALID: 422,
  METADATA_EXPIRED: 422,
  RATE_LIMITED: 429,
  BACKUP_ELSEWHERE: 409,
  SERVER_BUSY: 503,
  STORE_UNREACHABLE: 503,
  BROKER_UNREACHABLE: 503,
  DISK_FULL: 507,
});

/** Faults that Fastify finds itself, in the words of the catalogue. */
const FASTIFY_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'PAYLOAD_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'INPUT_INVALID',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'INPUT_INVALID',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'INPUT_INVALID',
  FST_ERR_CTP_INVALID_JSON_BODY: 'INPUT_INVALID',
  FST_ERR_BAD_URL: 'NOT_FOUND',
};

/** Any thrown value as a coded error; what is not expected becomes INTERNAL without its text. */
export function toNodeosError(error: unknown): NodeosError {
  if (isNodeosError(error)) return error;
  const { code, statusCode, message } = (error ?? {}) as Partial<FastifyError> & { errcode?: number };
  const known = code === undefined ? undefined : FASTIFY_CODES[code];
  if (known !== undefined) return new NodeosError(known, message ?? known, { cause: error });
  if (code === 'ENOSPC' || code === 'EDQUOT' || (error as { errcode?: number })?.errcode === 13)
    return new NodeosError('DISK_FULL', 'no space left in the data folder of the server', { cause: error });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new NodeosError('INPUT_INVALID', message ?? 'the request is malformed', { cause: error });
  return new NodeosError('INTERNAL', 'the server met an unexpected fault; its log has the details', { cause: error });
}

export function errorBody(error: NodeosError): ErrorBody {
  return { error: { code: error.code, message: error.message, hint: error.hint } };
}

/** Fastify's option for faults from before a route is found, e.g. a URL with a broken escape. */
export function answerFrameworkError(fault: FastifyError, _request: FastifyRequest, reply: FastifyReply): void {
  const error = toNodeosError(fault);
  void reply.code(ERROR_STATUS[error.code] ?? 500).send(errorBody(error));
}

/** Every fault of every route leaves through here; a stack trace stays in the log. */
export function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler((fault, request, reply) => {
    const error = toNodeosError(fault);
    const status = ERROR_STATUS[error.code] ?? 500;
    // A busy server has better things to do than to write down each of many.
    if (status >= 500 && error.code !== 'SERVER_BUSY') request.log.error({ err: fault }, error.message);
    if (error.code === 'RATE_LIMITED') reply.header('retry-after', '60');
    return reply.code(status).send(errorBody(error));
  });
  app.setNotFoundHandler((request) => {
    throw new NodeosError('NOT_FOUND', `there is no ${request.method} ${request.url.split('?')[0]?.slice(0, 200)}`, {
      hint: ERROR_HINTS.NOT_FOUND,
    });
  });
}
