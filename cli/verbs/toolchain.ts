import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { crossEnvironment } from '@nodeos/firmware/bundle/cross-environment.ts';
import { createBuildContext } from '../build-context.ts';
import type { CliIo } from '../io.ts';
import { printJson } from '../output.ts';
import { ExitCode, example, type RegisterVerb } from '../verb.ts';

export const registerToolchain: RegisterVerb = (program, io) => {
  const toolchain = program
    .command('toolchain')
    .description('the compilers and settings that make programs for a board, also for other projects')
    .addHelpText(
      'after',
      example('nodeos toolchain exec --board raspberrypi0 -- make', 'nodeos toolchain env --board raspberrypi4'),
    );

  toolchain
    .command('exec')
    .description('run a command in that environment')
    .argument('<command...>', 'program and its arguments, after --')
    .option('--board <board>', 'board to make programs for', 'x86_64-usb')
    .addHelpText(
      'after',
      example(
        "nodeos toolchain exec --board raspberrypi2 -- sh -c '$CC -O2 -o blink blink.c'",
        "nodeos toolchain exec --board raspberrypi3 -- npm exec -c 'node-gyp rebuild'",
      ),
    )
    .action(async (command: string[], options: { board: string }) => {
      const code = await run(io, command, await environmentOf(io, options.board));
      if (code !== 0) throw new ExitCode(code);
    });

  toolchain
    .command('env')
    .description('print its variables, for eval or for other tools')
    .option('--board <board>', 'board to make programs for', 'x86_64-usb')
    .option('--json', 'print JSON')
    .addHelpText('after', example('eval "$(nodeos toolchain env --board raspberrypi4)"'))
    .action(async (options: { board: string; json?: boolean }) => {
      const environment = await environmentOf(io, options.board);
      if (options.json) return printJson(io, environment);
      for (const [name, value] of Object.entries(environment)) io.stdout.write(`export ${name}=${quote(value)}\n`);
    });
};

async function environmentOf(io: CliIo, name: string): Promise<Record<string, string>> {
  const board = await loadBoard(name.includes('/') ? resolve(io.cwd, name) : name);
  const { context, end } = createBuildContext(io);
  try {
    return await crossEnvironment(context, board);
  } finally {
    end();
  }
}

/** @returns the command's exit code, 128 and the signal's number where one ended it, as shells have it */
async function run(io: CliIo, command: readonly string[], environment: Record<string, string>): Promise<number> {
  const [program = '', ...args] = command;
  // A terminal stays one for the command.
  const own = io.stdout === process.stdout;
  const child = spawn(program, args, {
    cwd: io.cwd,
    env: { ...io.env, ...environment },
    stdio: own ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    signal: io.signal,
  });
  child.stdout?.pipe(io.stdout, { end: false });
  child.stderr?.pipe(io.stderr, { end: false });
  const [code, killedBy] = await once(child, 'close').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ENOENT') throw cause;
    throw new NodeosError('TOOL_MISSING', `the program ${program} is not installed`, { cause });
  });
  return killedBy ? 128 + constants.signals[killedBy as NodeJS.Signals] : code;
}

/** For POSIX shells: nothing has a meaning between single quotes. */
function quote(value: string): string {
  return /^[\w@%+=:,./-]*$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
