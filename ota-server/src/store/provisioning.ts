import type { Registration } from '@nodeos/contracts/provisioning.ts';

/** Serial numbers that are expected in one fleet, and identities that were taken out of it for good. */
export interface ProvisioningStore {
  /** By serial number. */
  listRegistrations(): Promise<Registration[]>;
  getRegistration(serial: string): Promise<Registration | null>;
  /** Keeps the device of one that is there. @returns true where it was not there */
  putRegistration(registration: Omit<Registration, 'device'>): Promise<boolean>;
  setRegistrationDevice(serial: string, device: string): Promise<void>;
  removeRegistration(serial: string): Promise<void>;

  /** Remembers the network hardware of a device. @returns what others had before */
  noteHardware(device: string, macs: readonly string[]): Promise<{ mac: string; device: string }[]>;

  addRemovedDevice(id: string, at: number): Promise<void>;
  isRemovedDevice(id: string): Promise<boolean>;
}
