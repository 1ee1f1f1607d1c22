import { resolve } from 'node:path';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bundleApp, readAppPackage } from '@nodeos/firmware/bundle/bundle-app.ts';
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
    .argument('[folder]', 'folder with a package.json', '.')
    .option('--board <board>', 'board whose machine code native addons need', 'x86_64-usb')
    .option('--out <file>', 'file to write; default: <name>-<version>.sqfs')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos bundle examples/hello', 'nodeos bundle . --out build/kiosk.sqfs'))
    .action(async (wanted: string, options: BundleVerbOptions) => {
      const folder = resolve(io.cwd, wanted);
      const board = await loadBoard(options.board.includes('/') ? resolve(io.cwd, options.board) : options.board);
      const { name = 'app', version = '0.0.0' } = await readAppPackage(folder);
      const out = resolve(io.cwd, options.out ?? `${name.replace(/^@[^/]+\//, '')}-${version}.sqfs`);
      const { context, end } = createBuildContext(io);
      try {
        const bundle = await bundleApp(context, { folder, board, out });
        end();
        if (options.json) return printJson(io, bundle);
        const { manifest } = bundle;
        print(
          io,
          `${bundle.file}: ${manifest.name} ${manifest.version}, ${formatBytes(bundle.bytes)}, for ${manifest.abi}`,
        );
        print(io, `  sha256 ${bundle.sha256}`);
        print(io, `  starts ${manifest.start.join(' ')}`);
      } finally {
        end();
      }
    });
};
