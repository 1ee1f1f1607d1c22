import { finished } from 'node:stream/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { ServerAnswer } from '../ports.ts';

const JSON_MAX_BYTES = 1_048_576;

/** Reads an answer's body to its end and parses it; null for an empty one. @throws NodeosError FETCH_FAILED */
export async function readJson(answer: ServerAnswer): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of answer.body) {
      bytes += (part as Buffer).length;
      if (bytes > JSON_MAX_BYTES) throw new Error(`more than ${JSON_MAX_BYTES} bytes`);
      parts.push(part as Buffer);
    }
    return bytes === 0 ? null : JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch (cause) {
    throw new NodeosError('FETCH_FAILED', `answer of the server: ${(cause as Error).message}`, { cause });
  }
}

/** Lets the connection be used again where the body does not matter; resolves when it can be. */
export async function discard(answer: ServerAnswer): Promise<void> {
  answer.body.resume();
  await finished(answer.body).catch(() => undefined);
}
