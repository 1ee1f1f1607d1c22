import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import {
  ADDON_LIBRARIES,
  boardLibraries,
  boardLinks,
  NODE_LIBRARY_FOLDER,
  ROOT_FOLDERS,
  ROOT_LINKS,
  ROOT_TEXTS,
  rootPackages,
  rootPrograms,
} from '../plan/root-files.ts';
import { driverFirmware } from './driver-firmware.ts';
import { libraryClosure } from './elf-closure.ts';
import { externalModules } from './node-debian.ts';

export interface RootTreeRequest {
  readonly board: Board;
  /** Unpacked Debian packages. */
  readonly packages: string;
  /** Folder with the hash functions that dhcpcd takes from libcrypto; null where libcrypto itself is in the root. */
  readonly digests: string | null;
  /** Folder with `node` and `lib/`: in the squashfs already, and only looked at for the libraries that they need. */
  readonly node: string;
  /** More files: path in the root → file on the host. */
  readonly files: Readonly<Record<string, string>>;
  readonly systemArguments: string;
  /** False: Node, its libraries and /etc only. */
  readonly complete: boolean;
  /** Seconds since 1970: date of every file. */
  readonly modified: number;
}

/** Lays out the root below `tree`, all but Node itself. Modes and dates depend on the request alone. */
export async function layOutRoot(tree: string, request: RootTreeRequest): Promise<void> {
  const { packages, board } = request;
  const programs = request.complete ? rootPrograms(board) : [];
  for (const { path } of ROOT_FOLDERS) await mkdir(join(tree, path), { recursive: true });
  for (const { path } of programs) await place(join(packages, path), tree, path, 0o755);
  for (const [path, file] of Object.entries(request.files))
    await place(file, tree, path, /\/(launcher|npm\.cjs)$/.test(path) ? 0o755 : 0o644);
  await placeLibraries(
    tree,
    request,
    programs.map(({ path }) => join(packages, path)),
  );
  await placeNodeModules(tree, request);
  if (request.complete) {
    // Links between names of one firmware are resolved: squashfs stores equal files once.
    for (const [path, file] of driverFirmware(board, packages)) await place(file, tree, path, 0o644);
    await placeCertificates(packages, tree);
    await placeTimeZones(packages, tree);
    await placeLicences(tree, request);
  }
  for (const [path, text] of Object.entries({ ...ROOT_TEXTS, '/etc/nodeos/system.argv': request.systemArguments }))
    await write(tree, path, text);
  for (const [path, target] of Object.entries({ ...ROOT_LINKS, ...boardLinks(board) })) {
    const whole = request.complete || !/zoneinfo|e2fs|ssl|lib\/nodeos/.test(target);
    if (whole) await link(tree, path, target);
  }
  await settle(tree, '/', request.modified);
}

async function placeLibraries(tree: string, request: RootTreeRequest, programs: readonly string[]): Promise<void> {
  const { triplet } = boardLibraries(request.board);
  const folder = join('/usr/lib', triplet);
  const addons = Object.values(request.files).filter((file) => file.endsWith('.node'));
  const own = join(request.node, 'lib');
  const libraries = await libraryClosure([join(request.node, 'node'), ...programs, ...addons], ADDON_LIBRARIES, [
    own,
    ...(request.digests === null ? [] : [request.digests]),
    join(request.packages, folder),
  ]);
  for (const [name, file] of libraries) {
    if (existsSync(join(own, name)))
      await link(tree, join(folder, name), relative(folder, join(NODE_LIBRARY_FOLDER, name)));
    else await place(file, tree, join(folder, name), name.startsWith('ld-') ? 0o755 : 0o644);
  }
}

/** JavaScript that Debian's Node does not have built in. */
async function placeNodeModules(tree: string, { node, packages }: RootTreeRequest): Promise<void> {
  const folder = join(node, 'lib');
  const names = existsSync(folder) ? await readdir(folder) : [];
  for (const name of names.filter((each) => each.startsWith('libnode.so')))
    for (const path of await externalModules(join(folder, name), packages))
      await place(join(packages, path), tree, path, 0o644);
}

/** Mozilla's certificates in one file, as update-ca-certificates makes it. */
async function placeCertificates(packages: string, tree: string): Promise<void> {
  const folder = join(packages, 'usr/share/ca-certificates/mozilla');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.crt')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  await write(tree, '/etc/ssl/certs/ca-certificates.crt', texts.map((text) => `${text.trimEnd()}\n`).join(''));
}

/** Without the lists that only programs choosing a zone read, and the source form. */
async function placeTimeZones(packages: string, tree: string): Promise<void> {
  const folder = join(packages, 'usr/share/zoneinfo');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const file = join(entry.parentPath, entry.name);
    const path = file.slice(folder.length + 1);
    if (entry.isDirectory() || /^(posix|right)\/|\.zi$|\.list$|^leapseconds$|^(localtime|posixrules)$/.test(path))
      continue;
    // Links are resolved: squashfs stores equal files once.
    await place(file, tree, join('/usr/share/zoneinfo', path), 0o644);
  }
}

/** Debian Policy 12.5: each package's copyright file. Packages of one source may share a folder by a link. */
async function placeLicences(tree: string, { board, packages }: RootTreeRequest): Promise<void> {
  for (const name of rootPackages(board)) {
    const file = join(packages, 'usr/share/doc', name, 'copyright');
    if (existsSync(file)) await place(file, tree, join('/usr/share/doc', name, 'copyright'), 0o644);
  }
}

async function place(file: string, tree: string, path: string, mode: number): Promise<void> {
  const target = join(tree, path);
  await mkdir(dirname(target), { recursive: true });
  await copyFile(file, target);
  await chmod(target, mode);
}

async function write(tree: string, path: string, text: string): Promise<void> {
  const target = join(tree, path);
  await mkdir(dirname(target), { recursive: true });
  await writeFile(target, text);
  await chmod(target, 0o644);
}

async function link(tree: string, path: string, target: string): Promise<void> {
  await mkdir(dirname(join(tree, path)), { recursive: true });
  await symlink(target, join(tree, path));
}

/** Modes of folders and dates of everything, deepest first: writing into a folder changes its date. */
async function settle(tree: string, path: string, modified: number): Promise<void> {
  for (const entry of await readdir(join(tree, path), { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) await settle(tree, child, modified);
    else if (entry.isFile()) await utimes(join(tree, child), modified, modified);
  }
  await chmod(join(tree, path), ROOT_FOLDERS.find((folder) => folder.path === path)?.mode ?? 0o755);
  await utimes(join(tree, path), modified, modified);
}
