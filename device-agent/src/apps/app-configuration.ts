import { type FSWatcher, mkdirSync, readFileSync, watch } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import type { Configurations } from '@nodeos/contracts/app-configuration.ts';
import { writeFileAtomic } from '../atomic-file.ts';

const CONFIGURATION_MAX_BYTES = 65_536;

/** What the operator has set for each app: `<folder>/<app>.json`, a JSON object. */
export interface AppConfigurations {
  /** Empty where nothing is set, or where the file is damaged. */
  read(app: string): object;
  /** Calls back with the app's name when its file was replaced. */
  onChange(listener: (app: string) => void): void;
  close(): void;
}

/** @param stateDir of the agent */
export function configurationFolder(stateDir: string): string {
  return `${stateDir}/app-configuration`;
}

export function openAppConfigurations(folder: string): AppConfigurations {
  let watcher: FSWatcher | null = null;
  return {
    read(app) {
      try {
        const text = readFileSync(`${folder}/${app}.json`, 'utf8');
        const value: unknown = JSON.parse(text.slice(0, CONFIGURATION_MAX_BYTES));
        return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
      } catch {
        return {};
      }
    },
    onChange(listener) {
      mkdirSync(folder, { recursive: true });
      watcher = watch(folder, (_, name) => {
        const app = /^([a-z][a-z0-9-]{0,31})\.json$/.exec(name ?? '')?.[1];
        if (app !== undefined) listener(app);
      });
      watcher.unref();
      watcher.on('error', () => {});
    },
    close: () => watcher?.close(),
  };
}

/**
 * Keeps what the server has set, and nothing else; apps are told at once. What is as before is not written again.
 * @throws Error where the disk does not take it
 */
export async function storeConfigurations(folder: string, configurations: Configurations): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) if (!(name.replace(/\.json$/, '') in configurations)) await rm(`${folder}/${name}`);
  for (const [app, values] of Object.entries(configurations)) {
    const text = JSON.stringify(values);
    const before = await readFile(`${folder}/${app}.json`, 'utf8').catch(() => null);
    if (before !== text) await writeFileAtomic(`${folder}/${app}.json`, text, 0o600);
  }
}
