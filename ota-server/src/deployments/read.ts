import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { Deployment, DeploymentPage } from '@nodeos/contracts/operator-api.ts';
import { deviceName } from '../devices/summary.ts';
import { SERVER_LIMITS } from '../limits.ts';
import type { DeploymentRecord } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';
import { describeDeployment, SHOWN_ORDER } from './describe.ts';

/** States that last. */
const ENDED: ReadonlySet<Deployment['state']> = new Set(['turned-back', 'done', 'failed', 'aborted']);

/** @throws NodeosError NOT_FOUND */
export async function mustGet({ rollouts }: Pick<Store, 'rollouts'>, id: string): Promise<DeploymentRecord> {
  const record = await rollouts.getDeployment(id);
  if (record === null) throw new NodeosError('NOT_FOUND', `there is no deployment ${id.slice(0, 64)}`);
  return record;
}

/** A deployment as operators see it. @throws NodeosError NOT_FOUND */
export async function readDeployment(store: Store, id: string): Promise<Deployment> {
  const record = await mustGet(store, id);
  const [deployment] = await describeAll(store, [record], SERVER_LIMITS.deploymentDevicesShown);
  return deployment as Deployment;
}

/**
 * Newest first, each with fewer of its devices.
 * @throws NodeosError NOT_FOUND where there is none with the id `before`
 */
export async function readDeployments(store: Store, { recent, before, limit }: DeploymentPage): Promise<Deployment[]> {
  const last = before === undefined ? null : await mustGet(store, before);
  const records = (await store.rollouts.listDeployments())
    .filter(({ sequence }) => last === null || sequence < last.sequence)
    .slice(0, limit)
    .filter(({ state }, index) => recent === undefined || index < recent || !ENDED.has(state));
  return describeAll(store, records, SERVER_LIMITS.deploymentDevicesListed);
}

/** @param shown how many devices of each at most */
async function describeAll(store: Store, records: readonly DeploymentRecord[], shown: number): Promise<Deployment[]> {
  const ids = records.map(({ id }) => id);
  const counts = Map.groupBy(await store.rollouts.countAssignments(ids), ({ deployment }) => deployment);
  const rows = await store.rollouts.listFirstAssignments(ids, SHOWN_ORDER, shown);
  const byDeployment = Map.groupBy(rows, ({ deployment }) => deployment);
  const nameOf = await namesOf(store, rows);
  return records.map((record) =>
    describeDeployment(record, counts.get(record.id) ?? [], byDeployment.get(record.id) ?? [], nameOf),
  );
}

async function namesOf(store: Store, rows: readonly { device: string }[]): Promise<(device: string) => string> {
  const devices = await store.getForRollout([...new Set(rows.map(({ device }) => device))]);
  const names = new Map(devices.map((device) => [device.id, deviceName(device)]));
  return (device) => names.get(device) ?? device;
}
