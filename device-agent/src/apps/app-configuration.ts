import { type FSWatcher, mkdirSync, readFileSync, watch } from 'node:fs';
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

/** Sets what an app is configured with; it is told at once. */
export function writeAppConfiguration(folder: string, app: string, configuration: object): Promise<void> {
  return writeFileAtomic(`${folder}/${app}.json`, JSON.stringify(configuration));
}
