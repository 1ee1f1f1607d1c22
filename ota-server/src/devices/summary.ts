import type { DeviceSummary } from '@nodeos/contracts/operator-api.ts';
import type { UpdateRecord } from '../store/history.ts';
import type { DeviceRecord } from '../store/store.ts';

/** What a person calls the device; before its first report, its serial number. */
export function deviceName(device: Pick<DeviceRecord, 'id' | 'serial' | 'report'>): string {
  return nameOf(device, device.report?.hostname ?? null);
}

/** @param hostname as reported */
export function nameOf({ id, serial }: Pick<DeviceRecord, 'id' | 'serial'>, hostname: string | null): string {
  if (hostname !== null && hostname !== '') return hostname;
  return serial === '' ? id : serial;
}

/** The operator API's view of a device. */
export function summarise(device: DeviceRecord, online: boolean, update: UpdateRecord | null): DeviceSummary {
  const { at: _at, ...status } = update ?? { at: 0 };
  return {
    id: device.id,
    name: deviceName(device),
    serial: device.serial,
    board: device.board,
    state: device.state,
    online,
    tags: [...device.tags],
    pins: device.pins,
    systemVersion: device.systemVersion,
    apps: device.report?.apps ?? {},
    lastSeen: device.lastSeen,
    createdAt: device.createdAt,
    update: update === null ? null : (status as DeviceSummary['update']),
  };
}
