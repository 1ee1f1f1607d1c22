import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { loadNative } from './load.ts';

/** Builds the addon for this machine into a folder, once, and loads it. */
export function buildNative(folder: string): ReturnType<typeof loadNative> {
  const addon = join(folder, 'nodeos.node');
  if (existsSync(addon)) return loadNative(addon);
  const { include_dir: headers } = createRequire(import.meta.url)('node-api-headers');
  const source = join(import.meta.dirname, 'nodeos.c');
  const options = ['-std=gnu17', '-Wall', '-Wextra', '-Werror', '-O2', '-shared', '-fPIC', `-I${headers}`];
  execFileSync('gcc', [...options, source, '-o', addon], { stdio: 'pipe' });
  return loadNative(addon);
}
