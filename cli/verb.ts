import type { Command } from 'commander';
import type { CliIo } from './io.ts';

/** Adds one verb to the program. A verb's file is thin: options in, one call, output out. */
export type RegisterVerb = (program: Command, io: CliIo) => void;

/** Help text with an example, shown below the options. */
export function example(...lines: string[]): string {
  const title = lines.length === 1 ? 'Example' : 'Examples';
  return `\n${title}:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}
