import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import { deviceName } from '../devices/summary.ts';
import { SERVER_LIMITS } from '../limits.ts';
import type { DeploymentRecord } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';
import { describeDeployment, shownRows } from './describe.ts';

/** @throws NodeosError NOT_FOUND */
export async function mustGet({ rollouts }: Pick<Store, 'rollouts'>, id: string): Promise<DeploymentRecord> {
  const record = await rollouts.getDeployment(id);
  if (record === null) throw new NodeosError('NOT_FOUND', `there is no deployment ${id.slice(0, 64)}`);
  return record;
}

/** A deployment as operators see it. @throws NodeosError NOT_FOUND */
export async function readDeployment(store: Store, id: string): Promise<Deployment> {
  const record = await mustGet(store, id);
  const rows = await store.rollouts.listAssignments({ deployment: id });
  const shown = shownRows(rows, SERVER_LIMITS.deploymentDevicesShown);
  return describeDeployment(record, rows, shown, await namesOf(store, shown));
}

/** All of them, each with fewer of its devices. */
export async function readDeployments(store: Store): Promise<Deployment[]> {
  const rows = Map.groupBy(await store.rollouts.listAssignments({}), ({ deployment }) => deployment);
  const described = (await store.rollouts.listDeployments()).map((record) => {
    const all = rows.get(record.id) ?? [];
    return { record, all, shown: shownRows(all, SERVER_LIMITS.deploymentDevicesListed) };
  });
  const nameOf = await namesOf(
    store,
    described.flatMap(({ shown }) => shown),
  );
  return described.map(({ record, all, shown }) => describeDeployment(record, all, shown, nameOf));
}

async function namesOf(store: Store, rows: readonly { device: string }[]): Promise<(device: string) => string> {
  const devices = await store.getForRollout([...new Set(rows.map(({ device }) => device))]);
  const names = new Map(devices.map((device) => [device.id, deviceName(device)]));
  return (device) => names.get(device) ?? device;
}
