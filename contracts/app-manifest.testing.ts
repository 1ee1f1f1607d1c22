import type { AppManifest } from './app-manifest.ts';

/** An app as most tests need it. */
export function appManifest(version: string, change: Partial<AppManifest> = {}): AppManifest {
  return {
    format: 1,
    name: 'hello',
    version,
    description: '',
    start: ['node', 'index.js'],
    env: {},
    ports: [],
    devices: [],
    network: 'host',
    memoryMiB: 64,
    probe: null,
    soakMs: 0,
    swap: 'overlap',
    stopGraceMs: 1000,
    abi: 'any',
    ...change,
  };
}
