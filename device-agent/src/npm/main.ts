#!/usr/bin/node
import { parseArgs } from 'node:util';
import { describeError, isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { installPackages } from './install.ts';

const USAGE = `npm on a device installs packages into the folder it is called in:

  npm install [name[@version] …] [--no-save]   production dependencies, no scripts
  npm ci                                       exactly what package-lock.json names
  npm uninstall name …

  --registry URL   instead of the one in ~/.npmrc

Apps that others should have are packed on a computer: nodeos bundle.
`;

/** `/usr/bin/npm` of a device. */
async function main(words: readonly string[]): Promise<number> {
  const { positionals, values } = parse(words);
  const [command = 'help', ...names] = positionals;
  const { save = true, registry } = values;
  const { HOME: home = '/' } = process.env;
  const { platform, arch, env } = process;
  const request = { folder: process.cwd(), home, env, platform: { platform, arch }, save, registry };
  const work = workOf(command, names);
  if (work === null) {
    process.stdout.write(USAGE);
    return command === 'help' || values.help ? 0 : 1;
  }
  const { packages, needCompiler } = await installPackages({ ...request, ...work });
  process.stdout.write(`${packages} packages are installed\n`);
  if (needCompiler.length === 0) return 0;
  throw new NodeosError(
    'ADDON_NEEDS_COMPILER',
    `installed, but without their machine code: ${needCompiler.join(', ')}`,
  );
}

function parse(words: readonly string[]) {
  try {
    return parseArgs({
      ...{ args: [...words], allowPositionals: true, allowNegative: true },
      options: { save: { type: 'boolean' }, registry: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    });
  } catch (cause) {
    throw new NodeosError('INPUT_INVALID', (cause as Error).message, { cause });
  }
}

function workOf(command: string, names: readonly string[]) {
  if (['install', 'i', 'add'].includes(command)) return { add: names };
  if (['uninstall', 'remove', 'rm'].includes(command) && names.length > 0) return { remove: names };
  return command === 'ci' && names.length === 0 ? { exact: true } : null;
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${describeError(error)}\n`);
    if (isNodeosError(error) && error.hint) process.stderr.write(`${error.hint}\n`);
    process.exitCode = 1;
  },
);
