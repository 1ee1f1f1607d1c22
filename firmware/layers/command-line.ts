import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Artefact, cached } from '../cache.ts';
import type { BuildContext } from '../context.ts';

/** What a kernel is started with where no boot loader says it. @returns a folder with `command-line` */
export function buildCommandLine(context: BuildContext, words: string): Promise<Artefact> {
  return cached(context, 'command-line', { words }, (dir) => writeFile(join(dir, 'command-line'), `${words}\n`));
}
