import { readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type FleetFile, fleetFileSchema } from '@nodeos/contracts/fleet-file.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import {
  type BuildRequest,
  type BuildResult,
  buildLayer,
  LAYERS,
  type Layer,
  planBuild,
} from '@nodeos/firmware/build.ts';
import { renderPlan } from '@nodeos/firmware/plan/render.ts';
import { createBuildContext } from '../build-context.ts';
import type { CliIo } from '../io.ts';
import { formatBytes, formatTable, print, printJson } from '../output.ts';
import { KEY_FILES, readRoot } from '../release/key-folder.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface BuildOptions {
  readonly board: string;
  readonly layer: string;
  readonly systemVersion: string;
  readonly keys?: string;
  readonly fleet?: string;
  readonly agent?: string;
  readonly out: string;
  readonly dryRun?: boolean;
  readonly locked?: boolean;
  readonly json?: boolean;
}

export const registerBuild: RegisterVerb = (program, io) => {
  program
    .command('build')
    .description('build an image, or one layer of it; finished layers come out of the cache')
    .option('--board <board>', 'name of a board, or a board file of your own', 'x86_64-usb')
    .option('--layer <layer>', LAYERS.join(', '), 'image')
    .option('--system-version <version>', 'version of the system release', '1.0.0')
    .option('--keys <folder>', 'key folder; its root.json goes into the image, and devices trust what those keys sign')
    .option('--fleet <file>', 'fleet file to put on the first partition')
    .option('--agent <file>', 'JavaScript file to use in place of the agent, for trying things out')
    .option('--out <folder>', 'folder for the results', 'build')
    .option('--dry-run', 'show what would be built')
    .option('--locked', 'an error where a source is not the version in the lock file')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      example(
        'nodeos build --keys keys --fleet fleet.json',
        'nodeos build --layer slot --system-version 1.1.0 --keys keys',
        'nodeos build --layer barebones && nodeos run build/barebones',
      ),
    )
    .action(async (options: BuildOptions) => {
      const request = await readRequest(io, options);
      if (options.dryRun) {
        const plan = await planBuild(request);
        if (options.json) printJson(io, plan);
        else io.stdout.write(renderPlan(plan));
        return;
      }
      const { context, end } = createBuildContext(io, options.locked === true);
      try {
        const built = await buildLayer(context, request);
        const result = request.layer === 'barebones' ? await arrangeBarebones(request, built) : built;
        end();
        if (options.json) return printJson(io, result);
        printResult(io, result);
        if (request.trustRoot === null && ['slot', 'image'].includes(request.layer))
          print(io, 'Without --keys its devices trust no release: they cannot be updated.');
      } finally {
        end();
      }
    });
};

/** Checks everything that can be checked before the first layer is built. */
async function readRequest(io: CliIo, options: BuildOptions): Promise<BuildRequest> {
  const layer = LAYERS.find((name) => name === options.layer);
  if (layer === undefined)
    throw new NodeosError('INPUT_INVALID', `there is no layer ${options.layer}`, {
      hint: `Choose ${LAYERS.join(', ')}.`,
    });
  const keys = options.keys === undefined ? null : resolve(io.cwd, options.keys);
  // Read twice: once to check it, once for the exact bytes.
  if (keys !== null) await readRoot(keys);
  return {
    board: await loadBoard(options.board.includes('/') ? resolve(io.cwd, options.board) : options.board),
    layer: layer satisfies Layer,
    systemVersion: options.systemVersion,
    trustRoot: keys === null ? null : await readFile(join(keys, KEY_FILES.metadata)),
    fleetFile: options.fleet === undefined ? undefined : await readFleetFile(resolve(io.cwd, options.fleet)),
    agentOverride: options.agent === undefined ? undefined : resolve(io.cwd, options.agent),
    out: layer === 'barebones' ? join(resolve(io.cwd, options.out), layer) : resolve(io.cwd, options.out),
  };
}

async function readFleetFile(path: string): Promise<FleetFile> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new NodeosError('FILE_UNREADABLE', `${path} cannot be read: ${cause.message}`, { cause });
  });
  return parseJson(fleetFileSchema, text, path);
}

/** A folder that `nodeos run` boots: kernel, initramfs and the command line, by fixed names. */
async function arrangeBarebones({ board, out = '.' }: BuildRequest, built: BuildResult): Promise<BuildResult> {
  const names = { kernel: 'kernel', initramfs: 'initramfs.img' };
  for (const [kind, name] of Object.entries(names)) await rename(built.files[kind] as string, join(out, name));
  await writeFile(join(out, 'command-line'), `${board.kernel.commandLine} nodeos.mode=barebones\n`);
  const files = Object.entries(names).map(([kind, name]) => [kind, join(out, name)]);
  return { ...built, files: Object.fromEntries(files) };
}

function printResult(io: CliIo, result: BuildResult): void {
  const rows = result.layers.map((layer) => [layer.name, layer.cached ? 'cache' : `${layer.seconds.toFixed(1)} s`]);
  print(io, formatTable(['STEP', 'TIME'], rows));
  print(io);
  for (const [kind, path] of Object.entries(result.files))
    print(io, `${kind.padEnd(10)} ${path} (${formatBytes(result.sizes[kind] ?? 0)})`);
  const bootable = result.files.image ?? (result.files.kernel && dirname(result.files.kernel));
  if (bootable) print(io, `Try it: nodeos run ${relative(io.cwd, bootable)}`);
}
