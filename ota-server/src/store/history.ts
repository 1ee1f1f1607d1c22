import type { DeviceEvents, UpdateStatus } from '@nodeos/contracts/device-api.ts';

export interface DeviceEvent {
  readonly at: number;
  readonly kind: DeviceEvents['events'][number]['kind'] | 'approved' | 'revoked' | 'waits' | 'replaced' | 'double';
  readonly text: string;
}
export type UpdateRecord = UpdateStatus & { readonly at: number };

/** What happened to the devices of one fleet, and how their updates went; it goes with the device. */
export interface HistoryStore {
  /** Events that are there already are left out. */
  addEvents(device: string, events: readonly DeviceEvent[]): Promise<void>;
  /** Newest first. */
  listEvents(device: string, limit: number): Promise<DeviceEvent[]>;
  /** Newest status of each (target, deployment); `at` moves only when the status changes. True where one changed. */
  putUpdates(device: string, updates: readonly UpdateStatus[], at: number): Promise<boolean>;
  /** Newest first. */
  listUpdates(device: string, limit: number): Promise<UpdateRecord[]>;
  /** Of each device, or of these, the status that changed last. */
  latestUpdates(ids?: readonly string[]): Promise<Map<string, UpdateRecord>>;
}
