import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { sha256Schema, validate } from '@nodeos/contracts/validate.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { buildFormats } from '@nodeos/firmware/build.ts';
import { downloadImage, parseHashFile } from '@nodeos/firmware/flash/download.ts';
import { type ImageFacts, inspectImage } from '@nodeos/firmware/flash/image-source.ts';
import { createBuildContext } from '../build-context.ts';
import type { CliIo } from '../io.ts';
import { formatBytes, progressPrinter } from '../output.ts';
import { KEY_FILES, readRoot } from '../release/key-folder.ts';

export interface ImageOptions {
  readonly board?: string;
  readonly app?: string;
  readonly keys?: string;
  readonly systemVersion?: string;
  readonly sha256?: string;
}

/** Refuses what cannot be meant, before anything is fetched or built. @throws NodeosError INPUT_INVALID */
export function assertImageOptions(image: string | undefined, options: ImageOptions): void {
  if (options.sha256 !== undefined) validate(sha256Schema, options.sha256, '--sha256');
  const { board, app, keys, systemVersion, sha256 } = options;
  if (image !== undefined && [board, app, keys, systemVersion].some((option) => option !== undefined))
    throw new NodeosError(
      'INPUT_INVALID',
      'an image that is named is written as it is: it takes none of the options of a build',
      {
        hint: 'Leave out the image, or --board, --app, --keys and --system-version.',
      },
    );
  if (image === undefined && board === undefined)
    throw new NodeosError('INPUT_INVALID', 'nothing to write is named', {
      hint: 'Name an image, or build one: nodeos flash --board x86_64-usb --app my-app',
    });
  if (image === undefined && sha256 !== undefined)
    throw new NodeosError('INPUT_INVALID', '--sha256 belongs to an image that is named');
}

/**
 * Gets the image onto this computer, and looks at it.
 * @param folder for what is fetched
 */
export async function obtainImage(
  io: CliIo,
  image: string | undefined,
  options: ImageOptions,
  folder: string,
): Promise<ImageFacts> {
  if (image === undefined) {
    const { img, bmap } = await build(io, options);
    return inspect(io, img as string, null, bmap);
  }
  if (/^https?:\/\//.test(image)) return inspect(io, await download(io, image, options.sha256 ?? null, folder), null);
  const path = resolve(io.cwd, image);
  return inspect(io, path, options.sha256 ?? (await hashBeside(path)));
}

/** The board that an image is built for. @throws NodeosError BOARD_UNKNOWN, INPUT_INVALID, FILE_UNREADABLE */
export function boardOf(io: CliIo, { board = '' }: ImageOptions): Promise<Board> {
  return loadBoard(board.includes('/') ? resolve(io.cwd, board) : board);
}

async function build(io: CliIo, options: ImageOptions): Promise<Readonly<Record<string, string>>> {
  const { context, end } = createBuildContext(io);
  const keys = options.keys === undefined ? null : resolve(io.cwd, options.keys);
  if (keys !== null) await readRoot(keys);
  try {
    const { files } = await buildFormats(context, {
      board: await boardOf(io, options),
      formats: ['img'],
      systemVersion: options.systemVersion ?? '1.0.0',
      trustRoot: keys === null ? null : await readFile(join(keys, KEY_FILES.metadata)),
      app: options.app === undefined ? undefined : resolve(io.cwd, options.app),
    });
    if (keys === null) io.stderr.write('\nWithout --keys its devices trust no release: they cannot be updated.\n');
    return files;
  } finally {
    end();
  }
}

async function download(io: CliIo, url: string, sha256: string | null, folder: string): Promise<string> {
  const printer = progressPrinter(io);
  try {
    const { path, checked } = await downloadImage(url, sha256, folder, io.signal, (bytes, total) => {
      const of = total === null ? '' : ` of ${formatBytes(total)}`;
      const percent = total === null ? undefined : (100 * bytes) / total;
      printer.show({ step: 'download', message: `${formatBytes(bytes)}${of}`, percent });
    });
    if (!checked) io.stderr.write('\nThe image has no hash beside it: only https vouches for it.\n');
    return path;
  } finally {
    printer.end();
  }
}

async function inspect(io: CliIo, path: string, sha256: string | null, map?: string): Promise<ImageFacts> {
  const printer = progressPrinter(io);
  const show = (bytes: number): void =>
    printer.show({ step: 'image', message: `unpacked to see that it is whole: ${formatBytes(bytes)}` });
  try {
    return await inspectImage(path, sha256, io.signal, show, map);
  } finally {
    printer.end();
  }
}

async function hashBeside(path: string): Promise<string | null> {
  const file = `${path}.sha256`;
  return existsSync(file) ? parseHashFile(await readFile(file, 'utf8'), file) : null;
}
