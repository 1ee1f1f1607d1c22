import { existsSync } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';

const FIRST_LINE_BYTES = 128;

/**
 * Turns a command that a dependency installs into one that needs no PATH and no shell.
 * @param app folder with node_modules
 * @throws NodeosError APP_NO_START where no installed package has such a command
 */
export async function resolveProgram(app: string, start: readonly string[]): Promise<string[]> {
  const [program, ...rest] = start as [string, ...string[]];
  if (program === 'node' || program.includes('/')) return [...start];
  const link = join(app, 'node_modules/.bin', program);
  if (!existsSync(link))
    throw new NodeosError('APP_NO_START', `the app starts with "${program}", which no dependency installs`, {
      hint: 'Move the package that has the command from devDependencies to dependencies, or start with `node file.js`.',
    });
  const file = relative(await realpath(app), await realpath(link));
  return (await isScript(link)) ? ['node', file, ...rest] : [`/app/${file}`, ...rest];
}

async function isScript(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(FIRST_LINE_BYTES), 0, FIRST_LINE_BYTES, 0);
    return /^#!.*\bnode\b|^(?!#!)[^\x7f]/.test(buffer.toString('latin1', 0, bytesRead).split('\n')[0] as string);
  } finally {
    await file.close();
  }
}
