import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { appNameOf } from '@nodeos/firmware/bundle/app-manifest.ts';
import { bundleApp, readAppPackage } from '@nodeos/firmware/bundle/bundle-app.ts';
import { fetchPackage, parseAppSource } from '@nodeos/firmware/bundle/npm-spec.ts';
import { createBuildContext } from '../build-context.ts';
import { formatBytes, print, printJson } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface BundleVerbOptions {
  readonly board: string;
  readonly out?: string;
  readonly json?: boolean;
}

export const registerBundle: RegisterVerb = (program, io) => {
  program
    .command('bundle')
    .description('pack an npm package with its production dependencies for a device')
    .argument('[source]', 'folder with a package.json, a packed file, or a package of the registry: name@version', '.')
    .option('--board <board>', 'board whose machine code native addons need', 'x86_64-usb')
    .option('--out <file>', 'file to write; default: <name>-<version>.sqfs')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      example('nodeos bundle examples/hello', 'nodeos bundle . --out build/kiosk.sqfs', 'nodeos bundle node-red@4'),
    )
    .action(async (wanted: string, options: BundleVerbOptions) => {
      const board = await loadBoard(options.board.includes('/') ? resolve(io.cwd, options.board) : options.board);
      const source = parseAppSource(wanted, io.cwd);
      const scratch = await mkdtemp(join(tmpdir(), 'nodeos-package-'));
      const { context, end } = createBuildContext(io);
      try {
        const published = source.kind === 'package';
        if (published) context.progress({ step: 'bundle', message: `fetching ${source.spec}` });
        const folder = published ? await fetchPackage(context, source.spec, scratch) : source.folder;
        const packed = await readAppPackage(folder);
        const file = `${appNameOf(packed, published) || 'app'}-${packed.version ?? '0.0.0'}.sqfs`;
        const out = resolve(io.cwd, options.out ?? file);
        const bundle = await bundleApp(context, { folder, published, board, out });
        end();
        if (options.json) return printJson(io, bundle);
        const { manifest } = bundle;
        print(
          io,
          `${bundle.file}: ${manifest.name} ${manifest.version}, ${formatBytes(bundle.bytes)}, for ${manifest.abi}`,
        );
        print(io, `  sha256 ${bundle.sha256}`);
        print(io, `  starts ${manifest.start.join(' ')}`);
        print(io, `  materials and licences: ${bundle.file}.cdx.json`);
      } finally {
        end();
        await rm(scratch, { recursive: true, force: true });
      }
    });
};
