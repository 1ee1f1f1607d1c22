import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type FleetFile, fleetFileSchema } from '@nodeos/contracts/fleet-file.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import {
  type BuildResult,
  buildFormats,
  buildLayer,
  FORMATS,
  type Format,
  LAYERS,
  type Layer,
  planBuild,
  type SystemRequest,
} from '@nodeos/firmware/build.ts';
import { readAppPackage } from '@nodeos/firmware/bundle/bundle-app.ts';
import { renderPlan } from '@nodeos/firmware/plan/render.ts';
import { createBuildContext } from '../build-context.ts';
import type { CliIo } from '../io.ts';
import { formatBytes, formatTable, print, printJson } from '../output.ts';
import { KEY_FILES, readRoot } from '../release/key-folder.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface BuildOptions {
  readonly board: string;
  readonly layer?: string;
  readonly format?: string;
  readonly app?: string;
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
    .option('--format <formats>', `one or more of ${FORMATS.join(', ')}, with commas between`)
    .option('--layer <layer>', `a layer instead: ${LAYERS.join(', ')}; default: image`)
    .option('--app <folder>', 'npm package that devices run from their first boot on, without a server')
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
        'nodeos build --app examples/hello --format img.zst,iso,qcow2',
        'nodeos build --layer slot --system-version 1.1.0 --keys keys',
        'nodeos build --format barebones && nodeos run build/barebones',
      ),
    )
    .action(async (options: BuildOptions) => {
      const { what, request } = await readRequest(io, options);
      if (options.dryRun) {
        const plan = await planBuild(request);
        if (options.json) printJson(io, plan);
        else io.stdout.write(renderPlan(plan));
        return;
      }
      const { context, end } = createBuildContext(io, options.locked === true);
      try {
        const result = await ('formats' in what
          ? buildFormats(context, { ...request, ...what })
          : buildLayer(context, { ...request, ...what }));
        end();
        if (options.json) return printJson(io, result);
        printResult(io, result);
        if (request.trustRoot === null && takesUpdates(what))
          print(io, 'Without --keys its devices trust no release: they cannot be updated.');
      } finally {
        end();
      }
    });
};

type Wanted = { readonly layer: Layer } | { readonly formats: readonly Format[] };

/** Checks everything that can be checked before the first layer is built. */
async function readRequest(io: CliIo, options: BuildOptions): Promise<{ what: Wanted; request: SystemRequest }> {
  const what = wanted(options);
  const keys = options.keys === undefined ? null : resolve(io.cwd, options.keys);
  // Read twice: once to check it, once for the exact bytes.
  if (keys !== null) await readRoot(keys);
  const app = options.app === undefined ? undefined : resolve(io.cwd, options.app);
  if (app !== undefined) await readAppPackage(app);
  const request = {
    board: await loadBoard(options.board.includes('/') ? resolve(io.cwd, options.board) : options.board),
    systemVersion: options.systemVersion,
    trustRoot: keys === null ? null : await readFile(join(keys, KEY_FILES.metadata)),
    fleetFile: options.fleet === undefined ? undefined : await readFleetFile(resolve(io.cwd, options.fleet)),
    app,
    agentOverride: options.agent === undefined ? undefined : resolve(io.cwd, options.agent),
    out: resolve(io.cwd, options.out),
  };
  return { what, request };
}

function wanted({ layer = 'image', format, layer: given }: BuildOptions): Wanted {
  if (format === undefined) return { layer: choose(layer, LAYERS, 'layer') };
  if (given !== undefined) throw new NodeosError('INPUT_INVALID', '--format and --layer exclude each other');
  return { formats: [...new Set(format.split(',').map((name) => choose(name.trim(), FORMATS, 'format')))] };
}

function choose<T extends string>(name: string, names: readonly T[], kind: string): T {
  const found = names.find((each) => each === name);
  if (found !== undefined) return found;
  throw new NodeosError('INPUT_INVALID', `there is no ${kind} ${name}`, { hint: `Choose ${names.join(', ')}.` });
}

function takesUpdates(what: Wanted): boolean {
  if ('layer' in what) return ['slot', 'image'].includes(what.layer);
  return what.formats.some((format) => ['img', 'img.zst', 'iso', 'qcow2'].includes(format));
}

async function readFleetFile(path: string): Promise<FleetFile> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new NodeosError('FILE_UNREADABLE', `${path} cannot be read: ${cause.message}`, { cause });
  });
  return parseJson(fleetFileSchema, text, path);
}

function printResult(io: CliIo, result: BuildResult): void {
  const rows = result.layers.map((layer) => [layer.name, layer.cached ? 'cache' : `${layer.seconds.toFixed(1)} s`]);
  print(io, formatTable(['STEP', 'TIME'], rows));
  print(io);
  for (const [kind, path] of Object.entries(result.files))
    print(io, `${kind.padEnd(11)} ${path} (${formatBytes(result.sizes[kind] ?? 0)})`);
  const { files } = result;
  const disk = files.image ?? files.img ?? files['img.zst'] ?? files.qcow2 ?? files.iso;
  const bootable = disk ?? (files.kernel && dirname(files.kernel));
  if (bootable) print(io, `Try it: nodeos run ${relative(io.cwd, bootable)}`);
}
