import { NodeosError } from '@nodeos/contracts/errors.ts';
import * as z from 'zod';
import { ed25519KeyFault } from './ed25519.ts';

const keysSchema = z.record(
  z.string(),
  z.object({ keytype: z.string(), scheme: z.string(), keyval: z.object({ public: z.string() }) }),
);
const delegatingSchema = z.object({
  signed: z.object({ keys: keysSchema.optional(), delegations: z.object({ keys: keysSchema }).optional() }),
});

/** Keys that were found good: the arithmetic takes a small device a noticeable time, and keys hardly ever change. */
const goodKeys = new Set<string>();
const GOOD_KEYS_MAX = 64;

/**
 * Checks every key that a metadata file brings with it, before anything is verified by such a key.
 * @throws NodeosError METADATA_INVALID for a key of another type than Ed25519, a weak one, or one listed twice
 */
export function checkMetadataKeys(bytes: Uint8Array, file: string): void {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new NodeosError('METADATA_INVALID', `${file} is not JSON: ${(cause as Error).message}`, { cause });
  }
  const parsed = delegatingSchema.safeParse(value);
  if (!parsed.success) throw new NodeosError('METADATA_INVALID', `${file} is not TUF metadata`);
  for (const keys of [parsed.data.signed.keys, parsed.data.signed.delegations?.keys]) checkKeys(keys ?? {}, file);
}

function checkKeys(keys: z.infer<typeof keysSchema>, file: string): void {
  const seen = new Set<string>();
  for (const [id, key] of Object.entries(keys)) {
    const name = `${file}: key ${id.slice(0, 16)}`;
    const hex = key.keyval.public;
    if (key.keytype !== 'ed25519' || key.scheme !== 'ed25519' || !/^[0-9a-f]{64}$/.test(hex))
      throw new NodeosError('METADATA_INVALID', `${name} is not an Ed25519 key in lower-case hex`);
    const fault = goodKeys.has(hex) ? null : ed25519KeyFault(Buffer.from(hex, 'hex'));
    if (fault) throw new NodeosError('METADATA_INVALID', `${name} ${fault}`);
    if (goodKeys.size < GOOD_KEYS_MAX) goodKeys.add(hex);
    // Under two names one key would count twice towards a threshold.
    if (seen.has(hex)) throw new NodeosError('METADATA_INVALID', `${name} is listed twice`);
    seen.add(hex);
  }
}
