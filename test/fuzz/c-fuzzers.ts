import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runTool } from '@nodeos/firmware/run-tool.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const INIT = join(ROOT, 'firmware/init');
const HERE = join(ROOT, 'test/fuzz/c');
const FLAGS =
  '-std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -Wno-macro-redefined -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all';

const pid1 = () => [
  ...readdirSync(join(INIT, 'pid1'))
    .filter((name) => name.endsWith('.c') && name !== 'main.c')
    .map((name) => join(INIT, 'pid1', name)),
  join(INIT, 'kernel/loop.c'),
  join(HERE, 'machine.c'),
];

/** Fuzzers by name, with the sources under test. */
export const C_FUZZERS: Readonly<Record<string, () => readonly string[]>> = {
  cmdline: pid1,
  disk: pid1,
  arguments: pid1,
  channel: pid1,
  options: () => [join(INIT, 'launcher/options.c')],
  // It includes the addon's source, to put other system calls under it.
  addon: () => ['-DNODE_GYP_MODULE_NAME=nodeos', `-I${join(ROOT, 'node_modules/node-api-headers/include')}`],
};

export function corpusOf(name: string): string {
  return join(ROOT, 'test/fuzz/corpus', name);
}

/** Compiles a fuzzer with address and undefined-behaviour sanitizers; gives the program's path. */
export async function compileFuzzer(name: string, folder: string): Promise<string> {
  const program = join(folder, `fuzz-${name}`);
  const sources = [join(HERE, `${name}.c`), ...(C_FUZZERS[name]?.() ?? [])];
  await runTool('clang', [...FLAGS.split(' '), '-o', program, ...sources], { cwd: folder });
  return program;
}

/**
 * Runs a fuzzer over the committed cases and on from there; what it finds lies in `folder` as `crash-…`.
 * @throws NodeosError TOOL_FAILED with the sanitizer's words where it finds something
 */
export async function runFuzzer(
  name: string,
  program: string,
  folder: string,
  limit: { readonly runs: number; readonly seed: number } | { readonly seconds: number },
): Promise<number> {
  const words = 'runs' in limit ? [`-runs=${limit.runs}`, `-seed=${limit.seed}`] : [`-max_total_time=${limit.seconds}`];
  const { stderr } = await runTool(
    program,
    [
      ...words,
      '-max_len=4096',
      '-timeout=20',
      '-print_final_stats=1',
      `-artifact_prefix=${folder}/`,
      folder,
      corpusOf(name),
    ],
    { cwd: folder },
  );
  return Number(/number_of_executed_units: (\d+)/.exec(stderr)?.[1] ?? 0);
}
