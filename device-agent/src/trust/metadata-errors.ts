import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';

/**
 * tuf-js 5.0.1 wraps what went wrong in a text, so the text is all there is to tell the cases apart.
 * @param failure last error of our own fetcher, which that text may contain
 */
export function toMetadataError(error: unknown, failure: NodeosError | null, at: Date): NodeosError {
  if (isNodeosError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (failure && message.includes(failure.message)) return failure;
  const wrapped = /^Unable to load (snapshot|targets)(?: metadata)? error \w+: (.*)$/s.exec(message);
  const text = wrapped ? withRole(wrapped[1] as string, wrapped[2] as string) : message;
  if (/is expired/.test(text))
    return new NodeosError('METADATA_EXPIRED', `${text.replace(/^Final /, '')}; device time ${at.toISOString()}`, {
      cause: error,
    });
  if (/is less than current version|^Missing file/.test(text))
    return new NodeosError('METADATA_ROLLBACK', `${text}: the server went back to older metadata`, { cause: error });
  return new NodeosError('METADATA_INVALID', text, { cause: error });
}

function withRole(role: string, text: string): string {
  return text.toLowerCase().includes(role) ? text : `${role}: ${text}`;
}
