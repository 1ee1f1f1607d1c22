import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { Group, GroupDetail, GroupRequest } from '@nodeos/contracts/operator-api.ts';
import type { Deployments } from '../deployments/deployments.ts';
import { isTakenBack } from '../deployments/plan.ts';
import { deviceName } from '../devices/summary.ts';
import type { Changes } from '../live/changes.ts';
import type { GroupRecord } from '../store/rollouts.ts';
import type { DeviceRecord, Store } from '../store/store.ts';
import { createMembership } from './membership.ts';
import { parseQuery } from './query.ts';

export interface GroupsOptions {
  readonly store: Store;
  readonly changes: Changes;
  readonly deployments: Pick<Deployments, 'groupsChanged'>;
  readonly now?: () => number;
}

/** Named sets of devices: those that are named, and those for which a query holds. */
export class Groups {
  readonly #options: GroupsOptions;
  readonly #now: () => number;

  constructor(options: GroupsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  async list(): Promise<Group[]> {
    const devices = await this.#options.store.listDevices();
    return (await this.#options.store.rollouts.listGroups()).map((group) => ({
      ...group,
      size: membersOf(group, devices).length,
    }));
  }

  /** @throws NodeosError NOT_FOUND */
  async detail(name: string): Promise<GroupDetail> {
    const group = await this.#options.store.rollouts.getGroup(name);
    if (group === null) throw new NodeosError('NOT_FOUND', `there is no group ${name.slice(0, 64)}`);
    const found = membersOf(group, await this.#options.store.listDevices());
    return {
      ...group,
      size: found.length,
      members: found.map((device) => ({ id: device.id, name: deviceName(device) })),
    };
  }

  /** Makes the group or changes it; deployments to it follow. @throws NodeosError QUERY_INVALID, NOT_FOUND */
  async put(name: string, request: GroupRequest): Promise<Group> {
    const { store, changes, deployments } = this.#options;
    if (request.query !== null) parseQuery(request.query);
    const devices = [...new Set(request.devices)].sort();
    const known = new Set((await store.getDevices(devices)).map(({ id }) => id));
    const missing = devices.find((id) => !known.has(id));
    if (missing !== undefined) throw new NodeosError('NOT_FOUND', `there is no device ${missing}`);
    const before = await store.rollouts.getGroup(name);
    const group: GroupRecord = { ...request, devices, name, createdAt: before?.createdAt ?? this.#now() };
    await store.rollouts.putGroup(group);
    changes.publish('groups', name);
    await deployments.groupsChanged();
    return { ...group, size: membersOf(group, await store.listDevices()).length };
  }

  /** @throws NodeosError NOT_FOUND, CONFLICT where a deployment goes to it */
  async remove(name: string): Promise<void> {
    const { store, changes, deployments } = this.#options;
    if ((await store.rollouts.getGroup(name)) === null)
      throw new NodeosError('NOT_FOUND', `there is no group ${name.slice(0, 64)}`);
    const user = (await store.rollouts.listDeployments()).find(
      (one) => 'group' in one.to && one.to.group === name && !isTakenBack(one),
    );
    if (user !== undefined)
      throw new NodeosError('CONFLICT', `deployment ${user.id} goes to the group ${name}`, {
        hint: 'Abort the deployment first, or let the group be.',
      });
    await store.transaction(async (inside) => {
      await inside.configurations.removePlace({ group: name });
      await inside.rollouts.removeGroup(name);
    });
    changes.publish('groups', name);
    await deployments.groupsChanged();
  }
}

function membersOf(group: GroupRecord, devices: readonly DeviceRecord[]): DeviceRecord[] {
  const membership = createMembership([]);
  return devices.filter((device) => membership.inGroup(group, device));
}
