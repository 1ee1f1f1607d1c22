import { existsSync, readFileSync } from 'node:fs';
import type { InstalledApp } from './ports.ts';

/**
 * The apps that state.json calls active, read before the schemas are loaded: an app must not wait for them at boot.
 * The file is the agent's own; the updater checks all of it later. What is damaged here is left out.
 */
export function readActiveApps(stateDir: string): InstalledApp[] {
  for (const name of ['state.json', 'state.json.bak']) {
    try {
      const state = JSON.parse(readFileSync(`${stateDir}/${name}`, 'utf8')) as { apps: Record<string, InstalledApp> };
      return Object.values(state.apps)
        .filter(isWhole)
        .map((app) => ({ ...app, bundlePath: `${stateDir}/bundles/${app.sha256}.sqfs` }))
        .filter((app) => existsSync(app.bundlePath));
    } catch {
      // The copy before it, or none.
    }
  }
  return [];
}

function isWhole(app: InstalledApp): boolean {
  const { manifest } = app;
  return typeof app.sha256 === 'string' && typeof manifest?.name === 'string' && Array.isArray(manifest.start);
}
