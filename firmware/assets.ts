import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NodeosError } from '@nodeos/contracts/errors.ts';

/** Folders that the product reads as data. In a clone they stand at its root, in the published package under `share/`. */
export type AssetFolder =
  | 'app'
  | 'boards'
  | 'kernel-configs'
  | 'firmware'
  | 'device-agent'
  | 'display'
  | 'gpio'
  | 'ota-server'
  | 'examples'
  | 'cli'
  | 'scripts';

let root: string | undefined;

function findRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    for (const candidate of [folder, join(folder, 'share')]) {
      if (existsSync(join(candidate, 'boards')) && existsSync(join(candidate, 'kernel-configs'))) return candidate;
    }
    const parent = dirname(folder);
    if (parent === folder)
      throw new NodeosError('INTERNAL', 'the folders boards/ and kernel-configs/ are missing from the installation');
    folder = parent;
  }
}

/** Absolute path of a file that ships with NodeOS, e.g. `assetPath('boards', 'x86_64-usb.json')`. */
export function assetPath(folder: AssetFolder, ...parts: string[]): string {
  root ??= findRoot();
  return join(root, folder, ...parts);
}
