import { deviceStatusSchema } from '@nodeos/contracts/device-list.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type DeviceSummary, deviceSummarySchema } from '@nodeos/contracts/operator-api.ts';
import type { Command } from 'commander';
import { z } from 'zod';
import type { ServerClient } from './client.ts';

const pageSchema = z.object({ devices: z.array(deviceSummarySchema), total: z.number() });

/** As given; the server says what is wrong with it. */
export interface DeviceFilterOptions {
  readonly tag?: string;
  readonly state?: string;
  readonly status?: string;
  readonly search?: string;
  readonly query?: string;
}

/** Gives a verb the options that choose devices. */
export const withDeviceFilter = (command: Command): Command =>
  command
    .option('--tag <tag>', 'only those with this tag')
    .option('--state <state>', 'only those in this state: pending, active, revoked')
    .option('--status <status>', `only active ones that are ${deviceStatusSchema.options.join(', ')}`)
    .option('--search <words>', 'only those in whose name, id, board, version, tags or apps all the words occur')
    .option('--query <query>', 'only those for which this holds, e.g. "tag:kiosk and system < 2.1.0"');

export function deviceFilter({ tag, state, status, search, query }: DeviceFilterOptions): Record<string, string> {
  const given = Object.entries({ tag, state, status, search, query }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given as [string, string][]);
}

/** @param limit how many to give at most; `total` is how many there are */
export async function listDevices(
  client: ServerClient,
  filter: DeviceFilterOptions = {},
  limit?: number,
): Promise<{ devices: DeviceSummary[]; total: number }> {
  const query = new URLSearchParams({ ...deviceFilter(filter), ...(limit !== undefined && { limit: String(limit) }) });
  return client.get(`/devices${query.size > 0 ? `?${query}` : ''}`, pageSchema);
}

/**
 * Finds a device by its id, its name, its serial number or the beginning of its id.
 * @throws NodeosError NOT_FOUND, INPUT_INVALID where it could be several
 */
export async function findDevice(client: ServerClient, wanted: string): Promise<DeviceSummary> {
  const { devices } = await listDevices(client);
  const exact = devices.filter((device) => [device.id, device.name, device.serial].includes(wanted));
  const found = exact.length > 0 ? exact : devices.filter((device) => wanted !== '' && device.id.startsWith(wanted));
  if (found.length === 1) return found[0] as DeviceSummary;
  if (found.length === 0)
    throw new NodeosError('NOT_FOUND', `no device "${wanted}"`, { hint: 'List them with `nodeos devices list`.' });
  throw new NodeosError('INPUT_INVALID', `"${wanted}" could be ${found.map((device) => device.id).join(', ')}`, {
    hint: 'Name the device by its whole id.',
  });
}
