import { randomBytes } from 'node:crypto';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { Deployment, DeploymentRequest } from '@nodeos/contracts/operator-api.ts';
import type { Broker } from '../broker/broker.ts';
import { deviceName } from '../devices/summary.ts';
import type { Changes } from '../live/changes.ts';
import { Sequence } from '../sequence.ts';
import type { Assignment, DeploymentRecord, DeviceRecord, ReleaseRecord, Store } from '../store/store.ts';
import { afterReport, afterTold, changedAssignments, deploymentState, desiredState } from './plan.ts';

export interface DeploymentsOptions {
  readonly store: Store;
  readonly changes: Changes;
  readonly broker: Pick<Broker, 'tell'>;
  readonly now?: () => number;
}

/** Applies the engine to the store and tells the devices. One change at a time, each in one transaction. */
export class Deployments {
  readonly #options: DeploymentsOptions;
  readonly #now: () => number;
  readonly #sequence = new Sequence();

  constructor(options: DeploymentsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** @throws NodeosError RELEASE_UNKNOWN, NOT_FOUND, ENROLMENT_PENDING, CONFLICT, RELEASE_INCOMPATIBLE */
  async create(request: DeploymentRequest): Promise<Deployment> {
    const { store } = this.#options;
    const release = await store.getRelease(request.target);
    if (release === null || !release.listed)
      throw new NodeosError('RELEASE_UNKNOWN', `${request.target} is not published`);
    if ('device' in request.to) await this.#checkDevice(request.to.device, release);
    const record = await store.addDeployment({
      id: `d${randomBytes(6).toString('hex')}`,
      target: release.target,
      kind: release.kind,
      name: release.name,
      version: release.version,
      to: request.to,
      state: 'running',
      createdAt: this.#now(),
      endedAt: null,
    });
    await this.recompute(await this.#reached(record));
    this.#options.changes.publish('deployments', record.id);
    return this.get(record.id);
  }

  /** Takes the deployment back: its devices want again what they wanted before it. @throws NodeosError NOT_FOUND, CONFLICT */
  async abort(id: string): Promise<Deployment> {
    const { store } = this.#options;
    const record = await this.#record(id);
    if (record.state === 'aborted') return this.get(id);
    await store.updateDeployment(id, { state: 'aborted', endedAt: this.#now() });
    await this.recompute(await this.#reached(record));
    this.#options.changes.publish('deployments', id);
    return this.get(id);
  }

  async get(id: string): Promise<Deployment> {
    const record = await this.#record(id);
    const names = new Map<string, string>();
    const assignments = await this.#options.store.listAssignments({ deployment: id });
    for (const { device } of assignments) {
      const found = await this.#options.store.getDevice(device);
      if (found !== null) names.set(device, deviceName(found));
    }
    return describe(record, assignments, names);
  }

  async list(): Promise<Deployment[]> {
    const { store } = this.#options;
    const names = new Map((await store.listDevices()).map((device) => [device.id, deviceName(device)]));
    const assignments = Map.groupBy(await store.listAssignments({}), ({ deployment }) => deployment);
    return (await store.listDeployments()).map((record) => describe(record, assignments.get(record.id) ?? [], names));
  }

  /** Computes desired states anew (approval, tags, deployments) and tells the devices that are online. */
  async recompute(deviceIds: readonly string[]): Promise<void> {
    for (const id of deviceIds) {
      const generation = await this.#sequence.run(() => this.#recomputeDevice(id));
      if (generation === null) continue;
      this.#options.changes.publish('devices', id);
      if (await this.#options.broker.tell(id, { kind: 'desired-changed', generation })) await this.told(id);
    }
  }

  /** A device has heard of, or fetched, its desired state. */
  async told(deviceId: string): Promise<void> {
    await this.#change(deviceId, (assignment) => afterTold(assignment));
  }

  /** A device came online: tells it of what it has not fetched yet. */
  async deviceListens(deviceId: string): Promise<void> {
    const device = await this.#options.store.getDevice(deviceId);
    if (device === null || (device.report?.generation ?? 0) === device.desired.generation) return;
    const { generation } = device.desired;
    if (await this.#options.broker.tell(deviceId, { kind: 'desired-changed', generation })) await this.told(deviceId);
  }

  async reported(deviceId: string, report: DeviceReport): Promise<void> {
    await this.#change(deviceId, (assignment, deployment) => afterReport(assignment, deployment, report));
  }

  async #checkDevice(id: string, release: ReleaseRecord): Promise<void> {
    const device = await this.#options.store.getDevice(id);
    if (device === null) throw new NodeosError('NOT_FOUND', `there is no device ${id}`);
    if (device.state === 'pending') throw new NodeosError('ENROLMENT_PENDING', `device ${id} is not approved yet`);
    if (device.state === 'revoked') throw new NodeosError('CONFLICT', `device ${id} is revoked`);
    if (release.kind === 'system' && release.name !== device.board)
      throw new NodeosError(
        'RELEASE_INCOMPATIBLE',
        `${release.target} is for board ${release.name}, device ${id} is a ${device.board}`,
      );
  }

  async #record(id: string): Promise<DeploymentRecord> {
    const record = await this.#options.store.getDeployment(id);
    if (record === null) throw new NodeosError('NOT_FOUND', `there is no deployment ${id}`);
    return record;
  }

  async #reached({ to }: DeploymentRecord): Promise<string[]> {
    if ('device' in to) return [to.device];
    return (await this.#options.store.listDevices({ tag: to.tag })).map(({ id }) => id);
  }

  /** @returns the new generation, null where the desired state stays */
  #recomputeDevice(id: string): Promise<number | null> {
    return this.#options.store.transaction(async (store) => {
      const device = await store.getDevice(id);
      if (device === null) return null;
      const deployments = await store.listDeployments();
      const desired = desiredState(device, device.desired, deployments);
      const changed = changedAssignments(
        device,
        deployments,
        await store.listAssignments({ device: id }),
        desired.generation,
      );
      if (desired !== device.desired) await store.updateDevice(id, { desired });
      await this.#write(store, changed);
      return desired === device.desired ? null : desired.generation;
    });
  }

  async #change(
    deviceId: string,
    next: (assignment: Assignment, deployment: DeploymentRecord) => Assignment,
  ): Promise<void> {
    await this.#sequence.run(() =>
      this.#options.store.transaction(async (store) => {
        const changed: Assignment[] = [];
        for (const assignment of await store.listAssignments({ device: deviceId })) {
          const deployment = await store.getDeployment(assignment.deployment);
          if (deployment === null) continue;
          const after = next(assignment, deployment);
          if (after !== assignment) changed.push(after);
        }
        await this.#write(store, changed);
      }),
    );
  }

  /** Writes assignments and what follows from them for their deployments. */
  async #write(store: Store, changed: readonly Assignment[]): Promise<void> {
    for (const assignment of changed) await store.putAssignment(assignment);
    for (const id of new Set(changed.map(({ deployment }) => deployment))) {
      const record = await store.getDeployment(id);
      if (record === null) continue;
      const state = deploymentState(record, await store.listAssignments({ deployment: id }));
      if (state !== record.state) {
        const ended = state === 'done' || state === 'failed';
        await store.updateDeployment(id, { state, endedAt: ended ? this.#now() : null });
      }
      this.#options.changes.publish('deployments', id);
    }
  }
}

function describe(
  record: DeploymentRecord,
  assignments: readonly Assignment[],
  names: ReadonlyMap<DeviceRecord['id'], string>,
): Deployment {
  const { sequence: _sequence, ...deployment } = record;
  const devices = assignments.map(({ device, state, percent, reason }) => ({
    id: device,
    name: names.get(device) ?? device,
    state,
    percent,
    reason,
  }));
  return { ...deployment, devices };
}
