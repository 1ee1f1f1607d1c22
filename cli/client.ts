import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { FLEET_HEADER } from '@nodeos/contracts/access.ts';
import { ERROR_HINTS, type ErrorCode, NodeosError } from '@nodeos/contracts/errors.ts';
import { errorBodySchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import axios, { type AxiosInstance, type AxiosRequestConfig, type AxiosResponse, isAxiosError } from 'axios';
import type { ZodType } from 'zod';
import type { ServerConfig } from './config.ts';
import { parseEvents, type ServerSentEvent } from './server-sent-events.ts';

const CONNECT_TIMEOUT_MS = 30_000;
const REFUSED_BODY_MAX_BYTES = 65_536;
/** For answers that come from something else than a NodeOS server, e.g. a proxy. */
const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  409: 'CONFLICT',
  413: 'PAYLOAD_TOO_LARGE',
  429: 'RATE_LIMITED',
};

/** The operator API of one server. Every call throws NodeosErrors only. */
export interface ServerClient {
  readonly server: string;
  get<T>(path: string, schema: ZodType<T>): Promise<T>;
  /** Null where the server answers 404. */
  getText(path: string): Promise<string | null>;
  send(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown, contentType?: string): Promise<unknown>;
  exists(path: string): Promise<boolean>;
  /** @param onSent called with the bytes sent so far */
  upload(path: string, file: string, onSent: (bytes: number) => void): Promise<void>;
  /** Writes the answer to a new file for its owner only. @returns its length */
  download(path: string, file: string): Promise<number>;
  events(path: string, signal?: AbortSignal): AsyncGenerator<ServerSentEvent>;
}

export function createClient(config: ServerConfig, signal: AbortSignal, fleet?: string): ServerClient {
  const http = axios.create({
    baseURL: `${config.server}/api/v1`,
    headers: { authorization: `Bearer ${config.token}`, ...(fleet && { [FLEET_HEADER]: fleet }) },
    timeout: CONNECT_TIMEOUT_MS,
    maxRedirects: 0,
    maxBodyLength: Number.POSITIVE_INFINITY,
    signal,
  });
  const request = (options: AxiosRequestConfig): Promise<AxiosResponse> => callServer(http, config.server, options);
  return {
    server: config.server,
    async get(path, schema) {
      return validate(schema, (await request({ url: path })).data, `the server's answer to GET ${path}`);
    },
    async getText(path) {
      const options: AxiosRequestConfig = { url: path, responseType: 'text', transformResponse: (data) => data };
      const response = await request({ ...options, validateStatus: (status) => status === 200 || status === 404 });
      return response.status === 404 ? null : String(response.data);
    },
    async send(method, path, body, contentType) {
      // Without a body there is no content to have a type; axios would call it a form, which the server refuses.
      const headers =
        body === undefined ? { 'content-type': false } : contentType ? { 'content-type': contentType } : {};
      return (await request({ method, url: path, data: body, headers })).data;
    },
    async exists(path) {
      const validateStatus = (status: number): boolean => status === 200 || status === 404;
      return (await request({ method: 'HEAD', url: path, validateStatus })).status === 200;
    },
    async upload(path, file, onSent) {
      const { size } = await stat(file);
      const body = createReadStream(file);
      let sent = 0;
      body.on('data', (chunk) => {
        sent += chunk.length;
        onSent(sent);
      });
      try {
        const headers = { 'content-type': 'application/octet-stream', 'content-length': String(size) };
        await request({ method: 'PUT', url: path, data: body, headers, timeout: 0 });
      } finally {
        body.destroy();
      }
    },
    async download(path, file) {
      const response = await request({ url: path, responseType: 'stream', timeout: 0 });
      const partial = `${file}.${process.pid}.part`;
      try {
        await pipeline(
          response.data as Readable,
          createWriteStream(partial, { flags: 'wx', mode: 0o600, flush: true }),
        );
        await rename(partial, file);
        return (await stat(file)).size;
      } catch (cause) {
        if (signal.aborted) throw new NodeosError('INTERRUPTED', 'the download was interrupted', { cause });
        if (!isConnectionError(cause))
          throw new NodeosError('FILE_UNREADABLE', `${file}: ${(cause as Error).message}`, { cause });
        throw new NodeosError('SERVER_UNREACHABLE', `the connection to ${config.server} broke off`, { cause });
      } finally {
        await rm(partial, { force: true });
      }
    },
    async *events(path, own) {
      const stop = own ? AbortSignal.any([signal, own]) : signal;
      const headers = { accept: 'text/event-stream' };
      const response = await request({ url: path, responseType: 'stream', headers, timeout: 0, signal: stop });
      try {
        yield* parseEvents(response.data as Readable);
      } catch (cause) {
        if (stop.aborted) return;
        throw new NodeosError('SERVER_UNREACHABLE', `the connection to ${config.server} broke off`, { cause });
      } finally {
        (response.data as Readable).destroy();
      }
    },
  };
}

/** True where the stream ended early; faults of the disk have a path. */
function isConnectionError(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).path === undefined;
}

async function callServer(http: AxiosInstance, server: string, options: AxiosRequestConfig): Promise<AxiosResponse> {
  try {
    return await http.request(options);
  } catch (error) {
    if (!isAxiosError(error)) throw error;
    if (error.code === 'ERR_CANCELED') throw new NodeosError('INTERRUPTED', 'the request was interrupted');
    if (error.response) throw await refusal(error.response, server);
    throw new NodeosError('SERVER_UNREACHABLE', `no answer from ${server}: ${error.message || error.code}`, {
      cause: error,
    });
  }
}

/** The server's own coded error where its body is one, else the nearest code of the status. */
async function refusal(response: AxiosResponse, server: string): Promise<NodeosError> {
  const body = errorBodySchema.safeParse(await readBody(response.data));
  if (body.success) {
    const { code, message, hint } = body.data.error;
    return new NodeosError(code in ERROR_HINTS ? (code as ErrorCode) : 'INTERNAL', message, { hint });
  }
  const code = CODE_OF_STATUS[response.status] ?? 'SERVER_UNREACHABLE';
  return new NodeosError(code, `${server} answered with HTTP status ${response.status}`);
}

async function readBody(data: unknown): Promise<unknown> {
  const stream = data as Readable;
  let text = data;
  if (typeof stream?.pipe === 'function') {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of stream) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > REFUSED_BODY_MAX_BYTES) break;
    }
    text = Buffer.concat(chunks).toString();
  }
  if (typeof text !== 'string') return text;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
