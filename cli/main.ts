import { readFileSync } from 'node:fs';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { Command, CommanderError } from 'commander';
import type { CliIo } from './io.ts';
import { print } from './output.ts';
import { ExitCode } from './verb.ts';
import { VERBS } from './verbs.ts';

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

/**
 * Runs one command line, without the program's own name.
 * @returns the exit code: 0, 1 for an error, 2 for wrong usage, 130 after an abort; that of a program that a verb ran
 */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const program = createProgram(io);
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof ExitCode) return error.code;
    if (error instanceof CommanderError) return usageExitCode(error, argv, io);
    if (io.signal.aborted) return reportError(new NodeosError('INTERRUPTED', 'interrupted'), io);
    return reportError(error, io);
  }
}

/** Runs the command line of this process. */
export async function main(): Promise<void> {
  const controller = new AbortController();
  const interrupt = (): void => {
    // The first ends things in order; whoever asks again does not want to wait for that.
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED);
    controller.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt());
  const { stdout, stderr, stdin, env } = process;
  // `nodeos … | head` closes the pipe early; that is no fault.
  stdout.on('error', () => process.exit(0));
  const code = await runCli(process.argv.slice(2), {
    stdout,
    stderr,
    stdin,
    env,
    signal: controller.signal,
    cwd: process.cwd(),
  });
  process.exitCode = code;
}

function createProgram(io: CliIo): Command {
  const program = new Command('nodeos')
    .description('Turns a Node.js app into an appliance: build, flash, update and look after devices')
    .version(ownVersion())
    .helpCommand(false)
    .showHelpAfterError(false);
  for (const register of VERBS) register(program, io);
  configure(program, io);
  return program;
}

/** Settings that commander does not hand down to commands that are added later. */
function configure(command: Command, io: CliIo): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout.write(text),
    writeErr: (text) => io.stderr.write(text),
    outputError: () => {},
  });
  for (const child of command.commands) configure(child, io);
}

function usageExitCode(error: CommanderError, argv: readonly string[], io: CliIo): number {
  if (error.exitCode === 0) return 0;
  if (error.code === 'commander.help') return EXIT_USAGE;
  const verb = error.code === 'commander.unknownCommand' ? '' : (argv.find((word) => !word.startsWith('-')) ?? '');
  io.stderr.write(`error INPUT_INVALID: ${error.message.replace(/^error: /, '')}\n`);
  io.stderr.write(`  next: ${`nodeos ${verb}`.trim()} --help\n`);
  return EXIT_USAGE;
}

function reportError(error: unknown, io: CliIo): number {
  const known = isNodeosError(error)
    ? error
    : new NodeosError('INTERNAL', error instanceof Error ? (error.stack ?? error.message) : String(error));
  io.stderr.write(`error ${known.code}: ${known.message}\n  next: ${known.hint}\n`);
  if (io.env.NODEOS_DEBUG && known.cause) print({ ...io, stdout: io.stderr }, String((known.cause as Error).stack));
  return known.code === 'INTERRUPTED' ? EXIT_INTERRUPTED : EXIT_FAILURE;
}

/** The version in the nearest package.json: cli/ in a clone, the package's root when installed. */
function ownVersion(): string {
  for (const place of ['package.json', '../package.json']) {
    try {
      return JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')).version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  return '0.0.0';
}
