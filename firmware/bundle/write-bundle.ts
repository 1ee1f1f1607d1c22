import { chmod, readdir, readlink, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from '../context.ts';
import { makeSquashfs } from '../formats/squashfs.ts';

/** Apps read many small files: smaller blocks than the root's cost 3 % of size and save memory at start. */
const BLOCK_BYTES = 131_072;

/**
 * Writes a folder as a squashfs image whose bytes depend on names, contents and execute bits only.
 * @throws NodeosError INPUT_INVALID for links that leave the folder; TOOL_MISSING, TOOL_FAILED, DISK_FULL
 */
export async function writeBundle(context: BuildContext, folder: string, out: string): Promise<void> {
  await rm(join(folder, 'node_modules/.package-lock.json'), { force: true });
  await normaliseModes(folder, folder);
  const compression = { algorithm: 'zstd', level: 19, blockBytes: BLOCK_BYTES } as const;
  await makeSquashfs({ source: folder, output: out, modified: 0, compression }, context.signal);
}

async function normaliseModes(root: string, folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await normaliseModes(root, path);
    else if (entry.isSymbolicLink()) await checkLink(root, path);
    else if (entry.isFile()) await chmod(path, (await stat(path)).mode & 0o111 ? 0o755 : 0o644);
    else throw new NodeosError('INPUT_INVALID', `${relative(root, path)} is neither a file, a folder nor a link`);
  }
}

async function checkLink(root: string, path: string): Promise<void> {
  const target = await readlink(path);
  if (!target.startsWith('/') && resolve(dirname(path), target).startsWith(`${root}/`)) return;
  throw new NodeosError('INPUT_INVALID', `the link ${relative(root, path)} leaves the app's folder: ${target}`);
}
