import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { DevelopmentSession } from './session.ts';

/** Editors write a file in several steps. */
const SETTLE_MS = 30;
/** These say what is installed; the bundle must be made anew. */
const INSTALLED_BY = new Set(['package.json', 'package-lock.json', 'npm-shrinkwrap.json']);

/**
 * Sends what differs from what the device has.
 * @param present paths that belong to the app, relative to the folder
 * @returns the paths that were sent or removed
 */
export async function syncFiles(
  session: Pick<DevelopmentSession, 'files' | 'put' | 'remove'>,
  folder: string,
  present: readonly string[],
): Promise<string[]> {
  const changed: string[] = [];
  for (const path of present) {
    const whole = join(folder, path);
    const bytes = await readFile(whole).catch(() => null);
    // Gone since it was listed: the next change tells.
    if (bytes === null) continue;
    const hash = createHash('sha256').update(bytes).digest('hex');
    if (session.files.get(path) === hash) continue;
    session.put(path, bytes, ((await stat(whole)).mode & 0o111) !== 0);
    session.files.set(path, hash);
    changed.push(path);
  }
  const wanted = new Set(present);
  for (const path of [...session.files.keys()]) {
    if (wanted.has(path)) continue;
    session.remove(path);
    session.files.delete(path);
    changed.push(path);
  }
  return changed;
}

export interface FolderWatch {
  /** Resolves with what changed since the last call: known files are synced as they are, others need a new list. */
  next(): Promise<{ readonly listAgain: boolean; readonly installedChanged: boolean }>;
  /** Watches the folders of these files, too. */
  cover(files: readonly string[]): void;
  close(): void;
}

/** Watches a folder without those that hold none of the app's files, such as node_modules. */
export function watchFolder(folder: string): FolderWatch {
  const watchers = new Map<string, FSWatcher>();
  const known = new Set<string>();
  const changed = new Set<string>();
  let wake: (() => void) | null = null;
  let timer: NodeJS.Timeout | undefined;

  function add(directory: string): void {
    if (watchers.has(directory)) return;
    const watcher = watch(join(folder, directory), (_, name) => {
      if (name === null || name === 'node_modules' || name.startsWith('.')) return;
      changed.add(join(directory, name));
      clearTimeout(timer);
      timer = setTimeout(() => wake?.(), SETTLE_MS);
    });
    watcher.on('error', () => {
      watcher.close();
      watchers.delete(directory);
    });
    watchers.set(directory, watcher);
  }

  return {
    async next() {
      if (changed.size === 0)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      wake = null;
      const paths = [...changed];
      changed.clear();
      return {
        listAgain: paths.some((path) => !known.has(path)),
        installedChanged: paths.some((path) => INSTALLED_BY.has(path)),
      };
    },
    cover(files) {
      for (const file of files) known.add(file);
      for (const directory of new Set(['.', ...files.map((file) => dirname(file))])) add(directory);
    },
    close() {
      for (const watcher of watchers.values()) watcher.close();
      changed.add('.');
      wake?.();
    },
  };
}
