import { randomBytes } from 'node:crypto';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { Deployment, DeploymentPlan, DeploymentRequest } from '@nodeos/contracts/operator-api.ts';
import { PLAIN_ROLLOUT } from '@nodeos/contracts/rollout.ts';
import type { Broker } from '../broker/broker.ts';
import { deviceName } from '../devices/summary.ts';
import { createMembership } from '../groups/membership.ts';
import { parseQuery } from '../groups/query.ts';
import { SERVER_LIMITS } from '../limits.ts';
import type { Changes } from '../live/changes.ts';
import type { Assignment, DeploymentPatch, DeploymentRecord } from '../store/rollouts.ts';
import type { DeviceRecord, ReleaseRecord, Store } from '../store/store.ts';
import { type FleetView, type Written, writeChanges } from './change-set.ts';
import { describeDeployment, shownRows } from './describe.ts';
import { attemptName, isOpen, skipReason } from './plan.ts';
import { previewDeployment } from './plan-preview.ts';
import { advance, isReleased, turnedBack } from './plan-rollout.ts';
import { assignWaves, waveCount } from './plan-waves.ts';
import { opensAt } from './plan-window.ts';
import { afterReport } from './progress.ts';
import { Ticker } from './ticker.ts';

export interface DeploymentsOptions {
  readonly store: Store;
  readonly changes: Changes;
  readonly broker: Pick<Broker, 'tell' | 'isOnline'>;
  readonly now?: () => number;
  /** Told of faults in work that nobody waits for. */
  readonly onFault?: (error: unknown) => void;
}

const NEVER_AGAIN: ReadonlySet<DeploymentRecord['state']> = new Set(['aborted', 'turned-back']);

/**
 * Applies the engine to the store and tells the devices. Each step is one transaction that reads what it decides by, so
 * a step that is asked for twice, or by two servers, does its work once.
 */
export class Deployments {
  readonly #options: DeploymentsOptions;
  readonly #now: () => number;
  readonly #ticker: Ticker;
  /** Null: not known. A report moves a device between groups only where one is defined by a query. */
  #asksQueries: boolean | null = null;

  constructor(options: DeploymentsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#ticker = new Ticker((id) => this.#advance(id), options.onFault ?? (() => undefined), this.#now);
  }

  /** Goes on with everything that was under way when the last server ended. */
  async start(): Promise<void> {
    const deployments = await this.#options.store.rollouts.listDeployments();
    for (const { id, state } of deployments) {
      if (NEVER_AGAIN.has(state)) continue;
      const rows = await this.#options.store.rollouts.listAssignments({ deployment: id });
      if (rows.some(isOpen) || state === 'turning-back') this.#ticker.touch(id);
    }
  }

  async close(): Promise<void> {
    await this.#ticker.close();
  }

  /**
   * @throws NodeosError RELEASE_UNKNOWN, NOT_FOUND, ENROLMENT_PENDING, CONFLICT, RELEASE_INCOMPATIBLE, QUERY_INVALID,
   *   DOWNGRADE_REFUSED
   */
  async create(request: DeploymentRequest): Promise<Deployment> {
    const { store, changes } = this.#options;
    const draft = await this.#draft(request);
    await store.transaction(async (inside) => {
      await inside.rollouts.addDeployment(draft);
      const view = await this.#view(inside);
      const reached = (await inside.listDevices({ state: 'active' })).filter((device) =>
        this.#isMeant(view, draft, device),
      );
      const online = reached.map(({ id }) => ({ id, online: this.#options.broker.isOnline(id) }));
      const waves = assignWaves(draft.id, online, draft.rollout);
      // Rows only: devices begin in steps that are short, so that the first are told while others are written.
      const rows = reached.map((device) => this.#plannedRow(draft, device, waves.get(device.id) ?? 0));
      await inside.rollouts.putAssignments(rows);
    });
    this.#asksQueries = null;
    await this.#ticker.now(draft.id);
    changes.publish('deployments', draft.id);
    return this.get(draft.id);
  }

  /** Says which devices would get the release when. @throws NodeosError as `create` */
  async plan(request: DeploymentRequest): Promise<DeploymentPlan> {
    const draft = { ...(await this.#draft(request)), sequence: Number.MAX_SAFE_INTEGER };
    const view = await this.#view(this.#options.store);
    const devices = (await this.#options.store.listDevices({ state: 'active' })).filter((device) =>
      this.#isMeant(view, draft, device),
    );
    const isOnline = (id: string): boolean => this.#options.broker.isOnline(id);
    return previewDeployment(draft, devices, view.membership, isOnline, this.#now());
  }

  /**
   * Takes the deployment back: its devices want again what was deployed to them before it; with `turnBack` also those
   * for which nothing was deployed go back to what they ran. @throws NodeosError NOT_FOUND
   */
  async abort(id: string, turnBack = false): Promise<Deployment> {
    const record = await this.#record(id);
    if (NEVER_AGAIN.has(record.state) || record.state === 'turning-back') return this.get(id);
    const reason = turnBack ? 'turned back by an operator' : null;
    await this.#take(id, { state: turnBack ? 'turning-back' : 'aborted', reason, endedAt: this.#now() }, (row) => {
      const next = turnBack ? turnedBack(row) : null;
      return next === null ? row : { ...row, since: this.#now(), notBefore: null, ...next };
    });
    return this.get(id);
  }

  /** No further device begins. @throws NodeosError NOT_FOUND, CONFLICT */
  async pause(id: string): Promise<Deployment> {
    return this.#steer(id, ['running', 'awaiting-approval'], { state: 'paused' });
  }

  /** Goes on; where the rollout was halted, the devices that failed are tried again. @throws NodeosError NOT_FOUND, CONFLICT */
  async resume(id: string): Promise<Deployment> {
    const { state } = await this.#record(id);
    if (state === 'halted')
      await this.#take(id, { state: 'running', reason: null }, (row) =>
        row.state === 'failed' ? { ...row, state: 'planned', since: this.#now() } : row,
      );
    else await this.#steer(id, ['paused'], { state: 'running' });
    return this.get(id);
  }

  /** Lets the wave begin that waits for it. @throws NodeosError NOT_FOUND, CONFLICT */
  async approve(id: string): Promise<Deployment> {
    const { wave } = await this.#record(id);
    return this.#steer(id, ['awaiting-approval'], { state: 'running', approvedWave: wave });
  }

  async get(id: string): Promise<Deployment> {
    await this.#ticker.settled(id);
    const record = await this.#record(id);
    const rows = await this.#options.store.rollouts.listAssignments({ deployment: id });
    const shown = shownRows(rows, SERVER_LIMITS.deploymentDevicesShown);
    const devices = await this.#options.store.getDevices(shown.map(({ device }) => device));
    const names = new Map(devices.map((device) => [device.id, deviceName(device)]));
    return describeDeployment(record, rows, shown, (device) => names.get(device) ?? device);
  }

  async list(): Promise<Deployment[]> {
    await this.#ticker.settled();
    const { store } = this.#options;
    const rows = Map.groupBy(await store.rollouts.listAssignments({}), ({ deployment }) => deployment);
    const described = (await store.rollouts.listDeployments()).map((record) => {
      const all = rows.get(record.id) ?? [];
      return { record, all, shown: shownRows(all, SERVER_LIMITS.deploymentDevicesListed) };
    });
    const ids = new Set(described.flatMap(({ shown }) => shown.map(({ device }) => device)));
    const names = new Map((await store.getDevices([...ids])).map((device) => [device.id, deviceName(device)]));
    return described.map(({ record, all, shown }) =>
      describeDeployment(record, all, shown, (device) => names.get(device) ?? device),
    );
  }

  /** Computes anew what devices want (approval, tags, pins) and tells those that are online. */
  async recompute(deviceIds: readonly string[]): Promise<void> {
    for (let at = 0; at < deviceIds.length; at += SERVER_LIMITS.devicesPerStep) {
      const ids = deviceIds.slice(at, at + SERVER_LIMITS.devicesPerStep);
      const written = await this.#options.store.transaction(async (store) =>
        writeChanges(store, await this.#view(store), await store.getDevices(ids), [], this.#now()),
      );
      for (const id of ids) this.#options.changes.publish('devices', id);
      await this.#follow(written);
    }
  }

  /** A group is another: devices may have come into the reach of a deployment, or have left it. */
  async groupsChanged(): Promise<void> {
    this.#asksQueries = null;
    const deployments = await this.#options.store.rollouts.listDeployments();
    if (!deployments.some(({ to, state }) => 'group' in to && !NEVER_AGAIN.has(state))) return;
    const devices = await this.#options.store.listDevices({ state: 'active' });
    await this.recompute(devices.map(({ id }) => id));
    for (const { id, state } of deployments) if (!NEVER_AGAIN.has(state)) this.#ticker.touch(id);
  }

  /** A device has heard of, or fetched, its desired state. */
  async told(deviceId: string): Promise<void> {
    await this.#markTold([deviceId]);
  }

  /** A device came online: tells it of what it has not fetched yet. */
  async deviceListens(deviceId: string): Promise<void> {
    const device = await this.#options.store.getDevice(deviceId);
    if (device === null || (device.report?.generation ?? 0) === device.desired.generation) return;
    const { generation } = device.desired;
    if (await this.#options.broker.tell(deviceId, { kind: 'desired-changed', generation })) await this.told(deviceId);
  }

  async reported(deviceId: string, report: DeviceReport, before: DeviceReport | null): Promise<void> {
    const changed = await this.#options.store.transaction(async ({ rollouts }) => {
      const rows: Assignment[] = [];
      for (const row of await rollouts.listAssignments({ devices: [deviceId] })) {
        const name = attemptName(row.deployment, row.attempts);
        const concerns =
          isOpen(row) || row.state === 'returning' || report.updates.some(({ deployment }) => deployment === name);
        const deployment = concerns ? await rollouts.getDeployment(row.deployment) : null;
        const after = deployment === null ? row : afterReport(row, deployment, report, this.#now());
        if (after !== row) rows.push(after);
      }
      await rollouts.putAssignments(rows);
      return rows;
    });
    for (const { deployment } of changed) {
      this.#ticker.touch(deployment);
      this.#options.changes.publish('deployments', deployment);
    }
    if (factsOf(report) !== factsOf(before) && (await this.#anyQueries())) await this.recompute([deviceId]);
  }

  /** One decision of the engine, written; asks for itself again while there is more to do. @returns when to look again */
  async #advance(id: string): Promise<number | null> {
    const now = this.#now();
    const { written, wakeAt, more } = await this.#options.store.transaction(async (store) => {
      const nothing = { written: null, wakeAt: null, more: false };
      const record = await store.rollouts.getDeployment(id);
      if (record === null || NEVER_AGAIN.has(record.state)) return nothing;
      const rows = await store.rollouts.listAssignments({ deployment: id });
      const view = await this.#view(store);
      const opening = await this.#openings(store, view, record, rows, now);
      const result = advance(record, rows, record.rollout, waveCount(record.rollout), opening, now);
      const { rollout } = result;
      const all = [...result.changed.values()];
      // Releases may be cut into steps: what is left over is decided again. A rollout that stops does so as a whole.
      const step = rollout.state === 'running' ? all.slice(0, SERVER_LIMITS.devicesPerStep) : all;
      const patch = differences(record, { ...rollout, endedAt: endOf(record, rollout.state, now) });
      if (patch !== null) await store.rollouts.updateDeployment(id, patch);
      const fresh = {
        ...view,
        deployments: view.deployments.map((one) => (one.id === id ? { ...one, ...patch } : one)),
      };
      const concerned = new Set(step.map(({ device }) => device));
      // Those that failed want nothing of a release any more that is taken back.
      const takenBack = rollout.state === 'turning-back' || rollout.state === 'turned-back';
      if (takenBack && rollout.state !== record.state)
        for (const row of rows) if (isReleased(row)) concerned.add(row.device);
      if (concerned.size === 0) return { ...nothing, wakeAt: result.wakeAt };
      const devices = await store.getDevices([...concerned]);
      const written = await writeChanges(store, fresh, devices, step, now);
      return { written, wakeAt: result.wakeAt, more: step.length < all.length || rollout.state === 'turning-back' };
    });
    this.#options.changes.publish('deployments', id);
    if (written !== null) await this.#follow(written, id);
    return more ? now : wakeAt;
  }

  /** After a transaction: tells the devices whose desired state changed, and lets other deployments see to their rows. */
  async #follow({ tells, deployments }: Written, except?: string): Promise<void> {
    for (const id of deployments) if (id !== except) this.#ticker.touch(id);
    const delivered = await Promise.all(
      [...tells].map(async ([id, generation]) =>
        (await this.#options.broker.tell(id, { kind: 'desired-changed', generation })) ? [id] : [],
      ),
    );
    await this.#markTold(delivered.flat());
  }

  async #markTold(devices: readonly string[]): Promise<void> {
    if (devices.length === 0) return;
    for (const id of await this.#options.store.rollouts.markTold(devices, this.#now())) {
      this.#ticker.touch(id);
      this.#options.changes.publish('deployments', id);
    }
  }

  /** Changes a deployment and its rows, and what its devices want. */
  async #take(id: string, patch: DeploymentPatch, change: (row: Assignment) => Assignment): Promise<void> {
    const written = await this.#options.store.transaction(async (store) => {
      await store.rollouts.updateDeployment(id, patch);
      const rows = await store.rollouts.listAssignments({ deployment: id });
      const devices = await store.getDevices(rows.map(({ device }) => device));
      const changed = rows.map(change).filter((row, index) => row !== rows[index]);
      return writeChanges(store, await this.#view(store), devices, changed, this.#now());
    });
    await this.#follow(written);
    for (const device of written.tells.keys()) this.#options.changes.publish('devices', device);
    await this.#ticker.now(id);
    this.#options.changes.publish('deployments', id);
  }

  async #steer(id: string, from: readonly DeploymentRecord['state'][], patch: DeploymentPatch): Promise<Deployment> {
    await this.#options.store.transaction(async ({ rollouts }) => {
      const state = (await rollouts.getDeployment(id))?.state;
      if (state === undefined) throw notFound(id);
      if (!from.includes(state))
        throw new NodeosError('CONFLICT', `deployment ${id} is ${state}, not ${from.join(' or ')}`);
      await rollouts.updateDeployment(id, patch);
    });
    await this.#ticker.now(id);
    this.#options.changes.publish('deployments', id);
    return this.get(id);
  }

  async #draft(request: DeploymentRequest): Promise<Omit<DeploymentRecord, 'sequence'>> {
    const { store } = this.#options;
    const release = await store.getRelease(request.target);
    if (release === null || !release.listed)
      throw new NodeosError('RELEASE_UNKNOWN', `${request.target} is not published`);
    const rollout = { ...PLAIN_ROLLOUT, ...request.rollout };
    const { to } = request;
    if ('query' in to) parseQuery(to.query);
    if ('group' in to && (await store.rollouts.getGroup(to.group)) === null)
      throw new NodeosError('NOT_FOUND', `there is no group ${to.group}`);
    const draft: Omit<DeploymentRecord, 'sequence'> = {
      id: `d${randomBytes(6).toString('hex')}`,
      ...{ target: release.target, kind: release.kind, name: release.name, version: release.version, to, rollout },
      state: rollout.approval === 'none' ? 'running' : 'awaiting-approval',
      ...{ reason: null, wave: 0, approvedWave: -1, createdAt: this.#now(), endedAt: null },
    };
    if ('device' in to) await this.#checkDevice(to.device, release, draft);
    return draft;
  }

  async #checkDevice(id: string, release: ReleaseRecord, draft: Omit<DeploymentRecord, 'sequence'>): Promise<void> {
    const device = await this.#options.store.getDevice(id);
    if (device === null) throw new NodeosError('NOT_FOUND', `there is no device ${id}`);
    if (device.state === 'pending') throw new NodeosError('ENROLMENT_PENDING', `device ${id} is not approved yet`);
    if (device.state === 'revoked') throw new NodeosError('CONFLICT', `device ${id} is revoked`);
    if (release.kind === 'system' && release.name !== device.board)
      throw new NodeosError(
        'RELEASE_INCOMPATIBLE',
        `${release.target} is for board ${release.name}, device ${id} is a ${device.board}`,
      );
    const reason = skipReason({ ...draft, sequence: 0 }, device, undefined);
    if (reason !== null)
      throw new NodeosError('DOWNGRADE_REFUSED', `${release.target} does not go to ${id}: ${reason}`);
  }

  #isMeant(view: FleetView, draft: Omit<DeploymentRecord, 'sequence'>, device: DeviceRecord): boolean {
    if (draft.kind === 'system' && draft.name !== device.board) return false;
    return view.membership.belongs(draft.to, device);
  }

  #plannedRow(draft: Omit<DeploymentRecord, 'sequence'>, device: DeviceRecord, wave: number): Assignment {
    const reason = skipReason({ ...draft, sequence: 0 }, device, undefined);
    return {
      ...{ deployment: draft.id, device: device.id, state: reason === null ? 'planned' : 'skipped', reason, wave },
      ...{ percent: null, generation: 0, attempts: 0, notBefore: null, since: this.#now(), releasedAt: null },
      previous: null,
    };
  }

  async #openings(
    store: Store,
    { membership }: FleetView,
    { rollout }: DeploymentRecord,
    rows: readonly Assignment[],
    now: number,
  ): Promise<(row: Assignment) => number> {
    if (rollout.forced) return () => now;
    const candidates = rows.filter(({ state }) => state === 'planned' || state === 'penalty');
    const groups = await store.rollouts.listGroups();
    if (rollout.window === null && groups.every(({ window }) => window === null)) return () => now;
    const devices = new Map(
      (await store.getDevices(candidates.map(({ device }) => device))).map((one) => [one.id, one]),
    );
    return ({ device: id }) => {
      const device = devices.get(id);
      if (device === undefined) return now;
      const windows = membership.windowsOf(device);
      if (rollout.window !== null) windows.push(rollout.window);
      return opensAt(windows, device.report?.inventory?.timeZone ?? 'UTC', now);
    };
  }

  async #view(store: Store): Promise<FleetView> {
    return {
      deployments: await store.rollouts.listDeployments(),
      releases: await store.listReleases(),
      membership: createMembership(await store.rollouts.listGroups()),
    };
  }

  async #anyQueries(): Promise<boolean> {
    if (this.#asksQueries === null) {
      const { rollouts } = this.#options.store;
      const live = (await rollouts.listDeployments()).filter(({ state }) => !NEVER_AGAIN.has(state));
      this.#asksQueries = live.some(({ to }) => 'query' in to || 'group' in to);
    }
    return this.#asksQueries;
  }

  async #record(id: string): Promise<DeploymentRecord> {
    const record = await this.#options.store.rollouts.getDeployment(id);
    if (record === null) throw notFound(id);
    return record;
  }
}

const notFound = (id: string): NodeosError => new NodeosError('NOT_FOUND', `there is no deployment ${id.slice(0, 64)}`);

/** What of a report a query can ask for and that does not change all the time. */
function factsOf(report: DeviceReport | null): string {
  if (report === null) return '';
  const { apps, system, inventory, hostname, addresses, memory } = report;
  const versions = Object.entries(apps).map(([name, { version }]) => [name, version]);
  return JSON.stringify([versions, system.version, hostname, addresses, memory.totalKiB, inventory?.timeZone]);
}

function endOf(record: DeploymentRecord, state: DeploymentRecord['state'], now: number): number | null {
  if (state === record.state) return record.endedAt;
  return ['done', 'failed', 'turned-back', 'halted'].includes(state) ? now : null;
}

function differences(record: DeploymentRecord, next: DeploymentPatch): DeploymentPatch | null {
  const { state, reason, wave, approvedWave, endedAt } = next;
  const patch: DeploymentPatch = { state, reason, wave, approvedWave, endedAt };
  return (Object.keys(patch) as (keyof DeploymentPatch)[]).some((key) => patch[key] !== record[key]) ? patch : null;
}
