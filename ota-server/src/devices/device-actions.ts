import type { DeviceAction, DeviceActionAnswer, DeviceActionRequest } from '@nodeos/contracts/device-list.ts';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { SERVER_LIMITS } from '../limits.ts';
import type { DeviceRecord, Store } from '../store/store.ts';
import type { DeviceList } from './device-list.ts';
import { type Devices, revokedForGood } from './devices.ts';

export interface DeviceActionsOptions {
  readonly store: Pick<Store, 'getDevices'>;
  readonly list: Pick<DeviceList, 'ids'>;
  readonly devices: Pick<Devices, 'approveAll' | 'revokeAll' | 'setAllTags' | 'reboot'>;
}
type Failure = DeviceActionAnswer['failed'][number];

/** The same done to many devices: what cannot be done to one of them does not keep it from the others. */
export class DeviceActions {
  readonly #options: DeviceActionsOptions;

  constructor(options: DeviceActionsOptions) {
    this.#options = options;
  }

  /**
   * Ids of the devices that are meant, each once.
   * @throws NodeosError QUERY_INVALID; NOT_FOUND where there is none of them; CONFLICT where other devices fit by now
   * than the person saw
   */
  async meant(to: DeviceActionRequest['to']): Promise<string[]> {
    if ('devices' in to) {
      if ((await this.#options.store.getDevices(to.devices)).length === 0)
        throw new NodeosError('NOT_FOUND', 'there is none of these devices');
      return [...new Set(to.devices)];
    }
    const ids = await this.#options.list.ids(to.filter);
    if (ids.length !== to.count)
      throw new NodeosError('CONFLICT', `${ids.length} devices fit by now, not ${to.count}: nothing was done`, {
        hint: 'Look at the list again, then repeat it.',
      });
    return ids;
  }

  async run(action: DeviceAction, ids: readonly string[]): Promise<DeviceActionAnswer> {
    const found = new Map((await this.#options.store.getDevices(ids)).map((device) => [device.id, device]));
    const failed: Failure[] = [];
    const able: DeviceRecord[] = [];
    for (const id of ids) {
      const device = found.get(id);
      const fault = device === undefined ? unknown(id) : refusal(action, device);
      if (fault !== null) failed.push(failure(id, fault));
      else if (device !== undefined) able.push(device);
    }
    if (action.kind === 'reboot') failed.push(...(await this.#reboot(able)));
    else if (able.length > 0) await this.#change(action, able);
    return { done: ids.length - failed.length, failed };
  }

  /** All of it or nothing. */
  #change(action: Exclude<DeviceAction, { kind: 'reboot' }>, able: readonly DeviceRecord[]): Promise<void> {
    const { devices } = this.#options;
    const ids = able.map(({ id }) => id);
    if ('tag' in action)
      return devices.setAllTags(new Map(able.map((device) => [device.id, tagsAfter(action, device)])));
    return action.kind === 'approve' ? devices.approveAll(ids) : devices.revokeAll(ids);
  }

  async #reboot(able: readonly DeviceRecord[]): Promise<Failure[]> {
    const failed: Failure[] = [];
    const waiting = [...able];
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const { id } = next;
        await this.#options.devices.reboot(id).catch((error: unknown) => {
          if (!isNodeosError(error)) throw error;
          failed.push(failure(id, error));
        });
      }
    };
    await Promise.all(Array.from({ length: SERVER_LIMITS.devicesToldAtOnce }, work));
    return failed;
  }
}

function refusal(action: DeviceAction, device: DeviceRecord): NodeosError | null {
  if (action.kind === 'approve' && device.state === 'revoked') return revokedForGood(device.id);
  if (action.kind === 'add-tag' && tagsAfter(action, device).length > TAGS_MAX)
    return new NodeosError('CONFLICT', `device ${device.id} has ${TAGS_MAX} tags, which is as many as it may have`);
  return null;
}

const TAGS_MAX = 32;
function tagsAfter(action: Extract<DeviceAction, { tag: string }>, { tags }: Pick<DeviceRecord, 'tags'>): string[] {
  const others = tags.filter((tag) => tag !== action.tag);
  return action.kind === 'add-tag' ? [...others, action.tag] : others;
}

const unknown = (id: string): NodeosError => new NodeosError('NOT_FOUND', `there is no device ${id.slice(0, 64)}`);
const failure = (id: string, { code, message }: NodeosError): Failure => ({ id, code, message });
