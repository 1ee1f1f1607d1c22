import { existsSync, type FSWatcher, watch } from 'node:fs';
import { dirname, join } from 'node:path';

/** Editors write a file in several steps. */
const SETTLE_MS = 30;
/** These say what is installed, or are compiled; the app must be bundled anew. */
const BUNDLED_FROM = /^(package(-lock)?|npm-shrinkwrap)\.json$|(^|\/)binding\.gyp$|\.(c|cc|cpp|cxx|h|hh|hpp|hxx)$/;

export interface FolderWatch {
  /** Resolves with what changed since the last call: known files are sent as they are, others need a new list. */
  next(): Promise<{ readonly bundleAgain: boolean; readonly listAgain: boolean }>;
  /** Lets `next` resolve although nothing has changed. */
  touch(): void;
  /** Watches the folders of these files, too. */
  cover(files: readonly string[]): void;
  close(): void;
}

/** Watches a folder without those that hold none of the app's files, such as node_modules. */
export function watchFolder(folder: string): FolderWatch {
  const watchers = new Map<string, FSWatcher>();
  const changed = new Set<string>();
  const known = new Set<string>();
  let wake: (() => void) | null = null;
  let timer: NodeJS.Timeout | undefined;
  let [closed, touched] = [false, false];

  function add(directory: string): void {
    if (watchers.has(directory) || closed) return;
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
      if (changed.size === 0 && !closed && !touched)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      wake = null;
      touched = false;
      const paths = [...changed];
      changed.clear();
      return {
        bundleAgain: paths.some((path) => BUNDLED_FROM.test(path)),
        // Editors write beside a file first; that is gone again by now.
        listAgain: paths.some((path) => !known.has(path) && existsSync(join(folder, path))),
      };
    },
    touch() {
      touched = true;
      wake?.();
    },
    cover(files) {
      for (const file of files) known.add(file);
      for (const directory of new Set(['.', ...files.map((file) => dirname(file))])) add(directory);
    },
    close() {
      closed = true;
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
      wake?.();
    },
  };
}
