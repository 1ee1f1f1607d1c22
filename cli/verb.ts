import type { Command } from 'commander';
import type { CliIo } from './io.ts';

/** Adds one verb to the program. A verb's file is thin: options in, one call, output out. */
export type RegisterVerb = (program: Command, io: CliIo) => void;

/** Help text with an example, shown below the options. */
export function example(...lines: string[]): string {
  const title = lines.length === 1 ? 'Example' : 'Examples';
  return `\n${title}:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}

/** Thrown by a verb that runs another program and ends as it did; that program has said all there is to say. */
export class ExitCode extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`ended with code ${code}`);
    this.code = code;
  }
}
