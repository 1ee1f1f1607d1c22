import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type DeviceSummary, deviceSummarySchema } from '@nodeos/contracts/operator-api.ts';
import { z } from 'zod';
import type { ServerClient } from './client.ts';

const devicesSchema = z.object({ devices: z.array(deviceSummarySchema) });

export interface DeviceFilter {
  readonly tag?: string;
  readonly state?: string;
  readonly query?: string;
}

export async function listDevices(client: ServerClient, filter: DeviceFilter = {}): Promise<DeviceSummary[]> {
  const { tag, state, query: text } = filter;
  const words = Object.entries({ tag, state, query: text }).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(words as [string, string][]);
  return (await client.get(`/devices${query.size > 0 ? `?${query}` : ''}`, devicesSchema)).devices;
}

/**
 * Finds a device by its id, its name, its serial number or the beginning of its id.
 * @throws NodeosError NOT_FOUND, INPUT_INVALID where it could be several
 */
export async function findDevice(client: ServerClient, wanted: string): Promise<DeviceSummary> {
  const devices = await listDevices(client);
  const exact = devices.filter((device) => [device.id, device.name, device.serial].includes(wanted));
  const found = exact.length > 0 ? exact : devices.filter((device) => wanted !== '' && device.id.startsWith(wanted));
  if (found.length === 1) return found[0] as DeviceSummary;
  if (found.length === 0)
    throw new NodeosError('NOT_FOUND', `no device "${wanted}"`, { hint: 'List them with `nodeos devices list`.' });
  throw new NodeosError('INPUT_INVALID', `"${wanted}" could be ${found.map((device) => device.id).join(', ')}`, {
    hint: 'Name the device by its whole id.',
  });
}
