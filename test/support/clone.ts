import { cp, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { ROOT } from './command.ts';

/** Copies the working tree and the installed packages to another folder, as a clone with `npm ci` would have them. */
export async function cloneInto(folder: string): Promise<void> {
  const listed = await runTool('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: ROOT });
  const paths = listed.stdout.toString().split('\0').filter(Boolean);
  for (const path of new Set(paths)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await cp(join(ROOT, path), join(folder, path), { verbatimSymlinks: true }).catch((error) => {
      // Listed, but deleted in the working tree.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    });
  }
  const packages = join(ROOT, 'node_modules');
  // Hard links where the file system is the same; the links between workspaces are relative and stay so.
  await runTool('cp', ['-al', packages, folder]).catch(() => runTool('cp', ['-a', packages, folder]));
}

/** Puts folders of the shared cache into another one, so that only the other layers are made anew. */
export async function seedCache(cache: string, target: string, names: readonly string[]): Promise<void> {
  await mkdir(target, { recursive: true });
  for (const name of names) {
    await mkdir(join(target, name));
    // What another build has begun there is not finished, and goes away under our hands.
    const finished = (await readdir(join(cache, name))).filter((entry) => !entry.endsWith('.tmp'));
    const sources = finished.map((entry) => join(cache, name, entry));
    if (sources.length === 0) continue;
    const copy = (how: string) => runTool('cp', [how, ...sources, join(target, name)]);
    await copy('-al').catch(() => copy('-a'));
  }
}
