import { NodeosError } from '@nodeos/contracts/errors.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { createBuildContext } from '../build-context.ts';
import { type Check, examineHost, installCommand } from '../doctor.ts';
import type { CliIo } from '../io.ts';
import { print, printJson, printTable } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

export const registerDoctor: RegisterVerb = (program, io) => {
  program
    .command('doctor')
    .description('find out what this machine lacks for building and emulating')
    .option('--install', 'install it (as root)')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos doctor', 'sudo nodeos doctor --install'))
    .action(async (options: { install?: boolean; json?: boolean }) => {
      let checks = await examine(io);
      if (options.install && installCommand(checks)) {
        await install(io, installCommand(checks) as string[]);
        checks = await examine(io);
      }
      const command = installCommand(checks);
      if (options.json) printJson(io, { checks, install: command?.join(' ') ?? null });
      else
        printTable(
          io,
          ['CHECK', 'STATE', 'DETAIL'],
          checks.map((check) => [check.name, check.state, check.detail]),
          '',
        );
      const missing = checks.filter((check) => check.state === 'missing');
      if (missing.length === 0) return;
      throw new NodeosError('TOOL_MISSING', `missing: ${missing.map((check) => check.name).join(', ')}`, {
        hint: command ? `Run: sudo ${command.join(' ')}` : missing[0]?.detail,
      });
    });
};

async function examine(io: CliIo): Promise<Check[]> {
  const { context, end } = createBuildContext(io);
  try {
    return await examineHost(context, io.env.PATH ?? '');
  } finally {
    end();
  }
}

async function install(io: CliIo, command: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new NodeosError('FORBIDDEN', 'only root may install Debian packages', {
      hint: `Run: sudo ${command.join(' ')}`,
    });
  const options = {
    signal: io.signal,
    env: { DEBIAN_FRONTEND: 'noninteractive' },
    onLine: (line: string) => print({ ...io, stdout: io.stderr }, line),
  };
  await runTool('apt-get', ['update'], options);
  await runTool(command[0] as string, command.slice(1), options);
}
