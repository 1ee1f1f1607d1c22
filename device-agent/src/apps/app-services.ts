import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { configurationFolder, openAppConfigurations } from './app-configuration.ts';
import { openDataVersions } from './data-versions.ts';
import type { AppSurroundings } from './running-app.ts';

/** What the supervisor needs to serve apps that use @nodeos/app or declare versions of their data. */
export function openAppServices(paths: { readonly state: string; readonly slot: string }): Pick<
  AppSurroundings,
  'deviceFacts' | 'dataVersions'
> & {
  readonly configurations: ReturnType<typeof openAppConfigurations>;
} {
  return {
    deviceFacts: () => deviceFacts(paths.slot),
    configurations: openAppConfigurations(configurationFolder(paths.state)),
    dataVersions: openDataVersions(
      `${paths.state}/data-versions`,
      ({ bundlePath }) => bundlePath !== null && existsSync(bundlePath),
    ),
  };
}

/** Read when an app asks, without the schemas: an app that starts must not wait for them. */
function deviceFacts(slot: string): Record<string, string> {
  try {
    const { board, version } = JSON.parse(readFileSync(`${slot}/manifest.json`, 'utf8'));
    return { board: String(board), systemVersion: String(version), hostname: hostname() };
  } catch {
    return { board: 'unknown', systemVersion: '0.0.0', hostname: hostname() };
  }
}
