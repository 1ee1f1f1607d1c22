import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { assertPortFree } from '@nodeos/firmware/emulate/ports.ts';
import { createWorkFolder, type WorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import { createBuildContext } from '../build-context.ts';
import { STORY_MACHINE, type StoryContext } from '../demo/context.ts';
import type { StoryOutcome } from '../demo/story.ts';
import type { CliIo } from '../io.ts';
import { print } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface DemoOptions {
  readonly exit?: boolean;
  readonly keep?: string;
  readonly port?: string;
}

const DEFAULT_PORT = 8080;
const BOARD = 'x86_64-usb';

export const registerDemo: RegisterVerb = (program, io) => {
  program
    .command('demo')
    .description('build an image, boot it in QEMU and live through the life of a device, step by step')
    .option('--exit', 'end after the story; exit code 0 only if every step did what it says')
    .option('--keep <folder>', 'make everything in this folder and leave it there: logs, disk, keys, server data')
    .option('--port <number>', `port of the dashboard; default: ${DEFAULT_PORT} where it is free`)
    .addHelpText('after', example('nodeos demo --exit', 'nodeos demo --keep /tmp/story --port 9000'))
    .action(async (options: DemoOptions) => {
      const port = await dashboardPort(options);
      const folder = await demoFolder(io, options);
      const closers: (() => Promise<void>)[] = [];
      const end = new AbortController();
      const signal = AbortSignal.any([io.signal, end.signal]);
      try {
        const outcome = await run({ ...io, signal }, folder.path, port, (close) => closers.unshift(close));
        if (!options.exit) await stayUp(io, outcome);
      } finally {
        end.abort();
        for (const close of closers) await close();
        folder.remove();
      }
    });
};

async function run(
  io: CliIo,
  folder: string,
  dashboardPort: number,
  own: (close: () => Promise<void>) => void,
): Promise<StoryOutcome> {
  // The server's packages would triple the start of every other verb.
  const { tellStory } = await import('../demo/story.ts');
  const { context: build, end } = createBuildContext(io);
  const board = await loadBoard(BOARD);
  const context: StoryContext = { build, board, folder, signal: io.signal, dashboardPort, machine: STORY_MACHINE };
  const started = performance.now();
  const write = (line: string): void => {
    end();
    print(io, line);
  };
  try {
    const outcome = await tellStory(context, { write, own });
    write(`The story is told: all steps did what they say, in ${Math.round((performance.now() - started) / 1000)} s.`);
    return outcome;
  } finally {
    end();
  }
}

/** Leaves server and device running until Ctrl-C, which is a good end here. */
async function stayUp(io: CliIo, { fleet, device }: StoryOutcome): Promise<void> {
  print(io);
  print(io, `Dashboard  ${fleet.operatorUrl}`);
  print(io, `Token      ${fleet.token}`);
  print(io, `App        ${device.appUrl}`);
  print(io, `Keys       ${fleet.operator.keys}`);
  print(io, 'Ctrl-C ends the device and the server and removes everything.');
  await new Promise<void>((resolve) => {
    if (io.signal.aborted) resolve();
    io.signal.addEventListener('abort', () => resolve(), { once: true });
    void device.emulator.ended.then(() => resolve());
  });
  if (!io.signal.aborted) throw new NodeosError('EMULATOR_FAILED', 'the emulated device has ended by itself');
}

async function demoFolder(io: CliIo, options: DemoOptions): Promise<WorkFolder> {
  if (options.keep === undefined) return createWorkFolder();
  const path = resolve(io.cwd, options.keep);
  const made = await mkdir(path, { recursive: true }).catch((cause) => {
    throw new NodeosError('FILE_UNREADABLE', `${path} cannot be made: ${(cause as Error).message}`, { cause });
  });
  if (made === undefined)
    throw new NodeosError('CONFLICT', `${path} exists already`, { hint: 'Name a folder that does not exist yet.' });
  return { path, remove: () => print(io, `Everything is kept in ${path}.`) };
}

async function dashboardPort(options: DemoOptions): Promise<number> {
  if (options.port === undefined) {
    if (options.exit) return 0;
    return assertPortFree(DEFAULT_PORT, '--port').then(
      () => DEFAULT_PORT,
      () => 0,
    );
  }
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new NodeosError('INPUT_INVALID', `--port ${options.port} is not a port number`);
  await assertPortFree(port, '--port');
  return port;
}
