import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, mkdir, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Board } from '@nodeos/contracts/board.ts';
import { type Artefact, cached, hashFile } from '../cache.ts';
import type { BuildContext } from '../context.ts';
import { blobPath, LAYER_MEDIA_TYPE, type OciLayer, ociDocuments, ociPlatform } from '../formats/oci.ts';
import { TAR_END, type TarEntry, tarHeader, tarPadding } from '../formats/tar.ts';
import { containerRun } from '../plan/container.ts';
import { runTool } from '../run-tool.ts';
import type { BundledApp } from './factory-app.ts';

/** Raise when the bytes below change. */
const RECIPE = 2;
/** Whoever starts the container says who answers for names; on a device this is a link into /run. */
const RESOLVER = 'etc/resolv.conf';

export interface UserlandRequest {
  readonly board: Board;
  readonly systemVersion: string;
  readonly rootfs: Artefact;
  readonly app: BundledApp | null;
  /** Seconds since 1970. */
  readonly modified: number;
}

/** The root, and the app in /app, as one archive. @returns a folder with `root.tar` */
export async function buildTar(context: BuildContext, request: UserlandRequest): Promise<Artefact> {
  const { rootfs, app, modified } = request;
  const inputs = { recipe: RECIPE, rootfs: rootfs.hash, app: app?.sha256 ?? null, modified };
  return cached(context, 'tar', inputs, async (dir) => {
    context.progress({ step: 'tar', message: 'packing the root' });
    const scratch = join(dir, 'scratch');
    await unpackRoot(context, request, join(scratch, 'root'));
    const trees = [{ folder: join(scratch, 'root'), at: '' }];
    if (app) trees.push(await unpackApp(context, app, join(scratch, 'app')));
    await pipeline(Readable.from(tarStream(trees, modified)), createWriteStream(join(dir, 'root.tar')), {
      signal: context.signal,
    });
    await rm(scratch, { recursive: true });
  });
}

/** A container image: one layer for the root, one for the app. @returns a folder with `image.oci.tar` */
export async function buildOci(context: BuildContext, request: UserlandRequest): Promise<Artefact> {
  const { board, systemVersion, rootfs, app, modified } = request;
  const platform = ociPlatform(board.architecture.debian);
  const run = containerRun(board, systemVersion, app?.manifest ?? null);
  const inputs = { recipe: RECIPE, rootfs: rootfs.hash, app: app?.sha256 ?? null, modified, platform, run };
  return cached(context, 'oci', inputs, async (dir) => {
    context.progress({ step: 'oci', message: 'packing the container image' });
    const scratch = join(dir, 'scratch');
    const layout = join(dir, 'layout');
    await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
    await unpackRoot(context, request, join(scratch, 'root'));
    const trees = [
      { tree: { folder: join(scratch, 'root'), at: '' }, comment: `NodeOS ${systemVersion}, ${board.name}` },
    ];
    if (app) {
      const comment = `${app.manifest.name} ${app.manifest.version}`;
      trees.push({ tree: await unpackApp(context, app, join(scratch, 'app')), comment });
    }
    const layers: OciLayer[] = [];
    for (const { tree, comment } of trees)
      layers.push({ ...(await packLayer(context, tree, modified, layout)), comment });
    const documents = ociDocuments({ tag: systemVersion, platform, created: modified, ...run, layers });
    for (const [path, content] of Object.entries(documents)) await writeFile(join(layout, path), content);
    await pipeline(
      Readable.from(tarStream([{ folder: layout, at: '' }], modified)),
      createWriteStream(join(dir, 'image.oci.tar')),
      { signal: context.signal },
    );
    for (const folder of [scratch, layout]) await rm(folder, { recursive: true });
  });
}

interface Tree {
  readonly folder: string;
  /** Where it stands in the archive. */
  readonly at: string;
}

async function unpackRoot(context: BuildContext, { rootfs }: UserlandRequest, folder: string): Promise<void> {
  await unsquash(context, join(rootfs.dir, 'rootfs.sqfs'), folder);
  await rm(join(folder, RESOLVER), { force: true });
  await writeFile(join(folder, RESOLVER), '', { mode: 0o644 });
}

async function unpackApp(context: BuildContext, app: BundledApp, folder: string): Promise<Tree> {
  await unsquash(context, app.file, folder);
  return { folder, at: 'app' };
}

/** Owners are left to the archive, where all is root's: so no privileges are needed. */
async function unsquash(context: BuildContext, image: string, folder: string): Promise<void> {
  await mkdir(join(folder, '..'), { recursive: true });
  await runTool('unsquashfs', ['-quiet', '-no-progress', '-no-xattrs', '-d', folder, image], {
    signal: context.signal,
  });
}

async function packLayer(
  context: BuildContext,
  tree: Tree,
  modified: number,
  layout: string,
): Promise<Omit<OciLayer, 'comment'>> {
  const plain = createHash('sha256');
  async function* hashed(): AsyncGenerator<Buffer> {
    for await (const chunk of tarStream([tree], modified)) {
      plain.update(chunk);
      yield chunk;
    }
  }
  const packed = join(layout, 'layer');
  const gzip = createGzip({ level: 6 });
  await pipeline(Readable.from(hashed()), gzip, createWriteStream(packed), { signal: context.signal });
  const digest = await hashFile(packed);
  const bytes = (await lstat(packed)).size;
  await writeFile(join(layout, blobPath({ digest })), await readFile(packed));
  await rm(packed);
  return { mediaType: LAYER_MEDIA_TYPE, digest, bytes, diffId: plain.digest('hex') };
}

/** An archive of folders, sorted by path, all of it root's and of one date. */
async function* tarStream(trees: readonly Tree[], modified: number): AsyncGenerator<Buffer> {
  for (const { folder, at } of trees) {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    // Without types, names below a link to a folder would be among them.
    const names = entries.map((entry) => join(relative(folder, entry.parentPath), entry.name));
    for (const name of ['', ...names.sort()]) {
      const path = join(at, name);
      if (path === '.' || path === '') continue;
      const source = join(folder, name);
      const entry = await describe(path, source);
      yield tarHeader(entry, modified);
      if (entry.kind !== 'file') continue;
      yield* createReadStream(source) as AsyncIterable<Buffer>;
      yield tarPadding(entry.bytes ?? 0);
    }
  }
  yield TAR_END;
}

async function describe(path: string, source: string): Promise<TarEntry> {
  const status = await lstat(source);
  const mode = status.mode & 0o7777;
  if (status.isSymbolicLink()) return { path, kind: 'symlink', mode: 0o777, target: await readlink(source) };
  if (status.isDirectory()) return { path, kind: 'directory', mode };
  return { path, kind: 'file', mode, bytes: status.size };
}
