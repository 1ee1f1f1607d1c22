import { StringDecoder } from 'node:string_decoder';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';

/**
 * Calls back for each line of a stream, without its end; a line longer than the limit is cut, its rest is dropped.
 * What stands after the last newline is a line, too.
 */
export function eachLine(
  stream: NodeJS.ReadableStream,
  onLine: (line: string) => void,
  maxBytes: number = DEVICE_LIMITS.logLineMaxBytes,
): void {
  const decoder = new StringDecoder('utf8');
  let partial = '';
  let cut = false;

  function take(text: string): void {
    const pieces = text.split('\n');
    for (const [index, piece] of pieces.entries()) {
      if (!cut) partial += piece;
      if (Buffer.byteLength(partial) > maxBytes) {
        partial = cutToBytes(partial, maxBytes);
        cut = true;
      }
      if (index < pieces.length - 1) finish();
    }
  }
  function finish(): void {
    onLine(partial.endsWith('\r') ? partial.slice(0, -1) : partial);
    partial = '';
    cut = false;
  }

  stream.on('data', (chunk: Buffer) => take(decoder.write(chunk)));
  stream.on('error', () => {});
  stream.on('end', () => {
    take(decoder.end());
    if (partial !== '') finish();
  });
}

function cutToBytes(text: string, maxBytes: number): string {
  return Buffer.from(text)
    .subarray(0, maxBytes)
    .toString('utf8')
    .replace(/\uFFFD$/, '');
}
