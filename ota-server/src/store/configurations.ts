import type { AppConfiguration } from '@nodeos/contracts/configuration-api.ts';

export type ConfigurationRecord = AppConfiguration;

/** What is set for the apps of one fleet. */
export interface ConfigurationStore {
  /** By app; of one app the fleet's first, then groups by name, then devices. */
  list(): Promise<ConfigurationRecord[]>;
  /** What may concern a device: the fleet's, all groups' and its own; in the same order. */
  listFor(device: string): Promise<ConfigurationRecord[]>;
  /** Replaces what is set for the app at the place; without values nothing is. */
  put(record: ConfigurationRecord): Promise<void>;
  /** Forgets what is set for a group or a device that is no more. */
  removePlace(place: ConfigurationRecord['to']): Promise<void>;
}
