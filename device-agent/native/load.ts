import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { NativeCalls, NetworkCalls } from '../src/ports.ts';

/** Where the root holds the addon. */
const ADDON_PATH = '/usr/lib/nodeos/nodeos.node';

/** Loads the addon (native/nodeos.c). @throws NodeosError FILE_UNREADABLE */
export function loadNative(path: string = ADDON_PATH): NativeCalls & NetworkCalls {
  const module: { exports: unknown } = { exports: {} };
  try {
    // A bundler must not look for the file, so no `require`.
    process.dlopen(module, path);
  } catch (cause) {
    throw new NodeosError('FILE_UNREADABLE', `${path} cannot be loaded: ${(cause as Error).message}`, { cause });
  }
  return module.exports as NativeCalls & NetworkCalls;
}
