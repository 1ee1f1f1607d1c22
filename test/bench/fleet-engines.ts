import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAuthority } from '@nodeos/ota-server/authority.ts';
import { startMosquitto } from '@nodeos/ota-server/testing/mosquitto.ts';
import { startPostgres } from '@nodeos/ota-server/testing/postgres.ts';
import { memoryOf } from './process-memory.ts';

export const MODES = ['embedded', 'scaled'] as const;
export type Mode = (typeof MODES)[number];

/** What a server of a mode stands on, apart from itself. */
export interface Engines {
  /** Words of the server's configuration. */
  readonly options: { readonly store?: string; readonly broker?: string; readonly deviceBroker?: string };
  /** Octets of each program, by its name. */
  memory(): Readonly<Record<string, number>>;
  /** The broker is no part of the server. */
  readonly ownBroker: boolean;
  stopBroker(): Promise<void>;
  startBroker(): Promise<void>;
  stop(): Promise<void>;
}

const nothing = async (): Promise<void> => {};
const NONE: Engines = {
  ...{ options: {}, ownBroker: false, memory: () => ({}) },
  ...{ stopBroker: nothing, startBroker: nothing, stop: nothing },
};

/** A real PostgreSQL and a real Mosquitto for the scaled mode. @throws Error where one of them is not installed */
export async function startEngines(mode: Mode, dataDir: string): Promise<Engines> {
  if (mode === 'embedded') return NONE;
  const postgres = await startPostgres();
  if (postgres === null) throw new Error('the Debian package postgresql is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'nodeos-bench-broker-'));
  const broker = await startMosquitto(folder, await openAuthority(join(dataDir, 'keys')));
  return {
    options: {
      store: await postgres.database(),
      broker: `mqtts://127.0.0.1:${broker.serverPort}`,
      deviceBroker: `mqtts://127.0.0.1:${broker.devicePort}`,
    },
    memory: () => ({ PostgreSQL: memoryOf('postgres'), Mosquitto: memoryOf('mosquitto') }),
    ownBroker: true,
    stopBroker: broker.kill,
    startBroker: broker.start,
    async stop() {
      await broker.kill();
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
