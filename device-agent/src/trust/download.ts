import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { ServerAnswer, ServerHttp } from '../ports.ts';
import { type RateLimits, readBody } from './body.ts';

/** What is fetched, as the signed metadata describes it. */
export interface DownloadSource {
  /** Path below the server's URL. */
  readonly fetchPath: string;
  readonly length: number;
  readonly sha256: string;
}

/** Where the bytes go: a file (trust/file-destination.ts) or a slot (slots/slot-destination.ts). */
export interface Destination {
  /** Bytes that an earlier attempt, maybe before a restart, has left and that are worth keeping. */
  readonly held: number;
  /** Appends at the end of what is held. */
  append(piece: Buffer): Promise<void>;
  /** Makes durable what was appended, so that a later attempt goes on from there. */
  keep(): Promise<void>;
  /** Forgets all that is held. */
  discard(): Promise<void>;
  /** Sha256 of what was written, read back from the medium; lower-case hex. */
  digest(): Promise<string>;
  /** The bytes are whole and right: puts them in their place. */
  complete(): Promise<void>;
}

export interface DownloadOptions {
  readonly limits: RateLimits;
  /** Called with 0 to 100. */
  readonly onPercent?: (percent: number) => void;
  /** All bytes are there; they are read back now. */
  readonly onVerifying?: () => void;
  readonly signal?: AbortSignal;
}

/**
 * Streams a target to its destination, going on where an earlier attempt stopped. Nothing counts before the sha256 of
 * what was written is the signed one.
 * @throws NodeosError FETCH_FAILED, FETCH_STALLED (what came is kept), HASH_MISMATCH, LENGTH_MISMATCH (nothing is kept)
 */
export async function download(
  http: ServerHttp,
  source: DownloadSource,
  destination: Destination,
  options: DownloadOptions,
): Promise<void> {
  if (destination.held > source.length) await destination.discard();
  const resumed = destination.held > 0;
  await fetchRest(http, source, destination, options);
  options.onVerifying?.();
  if ((await destination.digest()) !== source.sha256) {
    await destination.discard();
    // Bytes of an earlier attempt may have been damaged by a power cut: that is no reason to blame the server.
    if (!resumed) throw mismatch(source);
    await fetchRest(http, source, destination, options);
    options.onVerifying?.();
    if ((await destination.digest()) !== source.sha256) {
      await destination.discard();
      throw mismatch(source);
    }
  }
  await destination.complete();
}

async function fetchRest(
  http: ServerHttp,
  source: DownloadSource,
  destination: Destination,
  { limits, onPercent, signal }: DownloadOptions,
): Promise<void> {
  while (destination.held < source.length) {
    const answer = await openAnswer(http, source, destination, signal);
    if (!answer) continue;
    try {
      for await (const piece of readBody(answer.body, source.fetchPath, limits)) {
        if (signal?.aborted) throw new NodeosError('FETCH_FAILED', `${source.fetchPath}: no longer wanted`);
        if (destination.held + piece.length > source.length) {
          await destination.discard();
          throw new NodeosError(
            'LENGTH_MISMATCH',
            `${source.fetchPath} is longer than the signed ${source.length} bytes`,
          );
        }
        await destination.append(piece);
        onPercent?.((destination.held / source.length) * 100);
      }
    } finally {
      await destination.keep();
    }
    if (destination.held < source.length)
      throw new NodeosError(
        'FETCH_FAILED',
        `${source.fetchPath}: the connection ended after ${destination.held} of ${source.length} bytes`,
      );
  }
}

/** Asks for what is missing; null where the server wants the transfer to begin again. */
async function openAnswer(
  http: ServerHttp,
  { fetchPath, length }: DownloadSource,
  destination: Destination,
  signal: AbortSignal | undefined,
): Promise<ServerAnswer | null> {
  const start = destination.held;
  // Compressed bytes would not be those that were signed.
  const headers: Record<string, string> = { 'accept-encoding': 'identity' };
  if (start > 0) headers.range = `bytes=${start}-`;
  const answer = await http.request('GET', fetchPath, { headers, signal });
  const refuse = (code: 'FETCH_FAILED' | 'LENGTH_MISMATCH', problem: string): never => {
    answer.body.destroy();
    throw new NodeosError(code, `${fetchPath}: ${problem}`);
  };
  const encoding = answer.headers['content-encoding'];
  if (encoding && encoding !== 'identity') refuse('FETCH_FAILED', `the server sent it encoded as ${encoding}`);
  const beginAgain = async (): Promise<null> => {
    answer.body.destroy();
    await destination.discard();
    return null;
  };
  if (answer.status === 416 && start > 0) return beginAgain();
  if (answer.status === 206) {
    const range = answer.headers['content-range'] ?? '';
    const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(range);
    if (!match || Number(match[1]) !== start || Number(match[2]) >= Number(match[3])) {
      // A server that cannot count would be asked for ever: without a range there is nothing to count.
      if (start > 0) return beginAgain();
      refuse('FETCH_FAILED', `asked for all bytes, got the range "${range}"`);
    }
    if (Number(match?.[3]) !== length) refuse('LENGTH_MISMATCH', `${match?.[3]} bytes instead of the signed ${length}`);
    return answer;
  }
  if (answer.status !== 200) refuse('FETCH_FAILED', `the server answered ${answer.status}`);
  const announced = answer.headers['content-length'];
  if (announced !== undefined && Number(announced) !== length)
    refuse('LENGTH_MISMATCH', `${announced} bytes instead of the signed ${length}`);
  // The server does not know ranges and sends all.
  if (start > 0) await destination.discard();
  return answer;
}

function mismatch({ fetchPath, sha256 }: DownloadSource): NodeosError {
  return new NodeosError('HASH_MISMATCH', `${fetchPath}: what was written does not have the signed sha256 ${sha256}`);
}
