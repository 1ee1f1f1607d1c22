import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import type { Deployment, DeploymentPage, DeploymentPlan, DeploymentRequest } from '@nodeos/contracts/operator-api.ts';
import type { Broker } from '../broker/broker.ts';
import type { DesiredNews } from '../broker/desired-news.ts';
import type { Door } from '../door.ts';
import { SERVER_LIMITS } from '../limits.ts';
import type { Changes } from '../live/changes.ts';
import type { Assignment, DeploymentPatch, DeploymentRecord } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';
import { readView, type Written, writeChanges } from './change-set.ts';
import { addDeployment, draftDeployment, previewDraft } from './draft.ts';
import { becomePast } from './past.ts';
import { attemptName, isOpen, isTakenBack } from './plan.ts';
import { afterReport } from './progress.ts';
import { mustGet, readDeployment, readDeployments } from './read.ts';
import { changeState, takeBack, tryAgain } from './steer.ts';
import { lookAhead, takeStep } from './step.ts';
import { Ticker } from './ticker.ts';

export interface DeploymentsOptions {
  readonly store: Store;
  readonly changes: Changes;
  readonly broker: Pick<Broker, 'isOnline'>;
  readonly news: Pick<DesiredNews, 'tell' | 'asked' | 'reported'>;
  /** Who comes to ask takes time from those who are still to be told of what an operator has just asked for. */
  readonly door?: Pick<Door, 'shut'>;
  readonly now?: () => number;
  /** Other servers may change what deployments there are. */
  readonly shared?: boolean;
  /** Told of faults in work that nobody waits for. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * Applies the engine to the store and tells the devices. Each step is one transaction that reads what it decides by, so
 * a step that is asked for twice, or by two servers, does its work once.
 */
export class Deployments {
  readonly #options: DeploymentsOptions;
  readonly #now: () => number;
  readonly #ticker: Ticker;
  /** Null: not known. A report moves a device between groups only where one is defined by a query. */
  #asksFacts: boolean | null = null;
  /** Deployments whose last step found nothing to do. */
  readonly #quiet = new Set<string>();

  constructor(options: DeploymentsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#ticker = new Ticker((id) => this.#advance(id), options.onFault ?? (() => undefined), this.#now);
  }

  /** Goes on with everything that was under way when the last server ended. */
  async start(): Promise<void> {
    const { rollouts } = this.#options.store;
    const live = (await rollouts.listDeployments()).filter((deployment) => !isTakenBack(deployment));
    const counts = await rollouts.countAssignments(live.map(({ id }) => id));
    const open = new Set(counts.filter(isOpen).map(({ deployment }) => deployment));
    for (const { id, state } of live) if (open.has(id) || state === 'turning-back') this.#ticker.touch(id);
  }

  /** Sees to what another server had begun that is no more: rollouts stand still without it, and devices untold. */
  async sweep(): Promise<void> {
    const before = this.#now() - SERVER_LIMITS.untoldMs;
    const deployments = await this.#options.store.rollouts.listDeployments();
    for (const deployment of deployments.filter(({ state }) => UNDER_WAY.has(state)))
      for (const row of await this.#goOn(deployment))
        if ((row.state === 'waiting' || row.state === 'returning') && row.since < before)
          await this.deviceListens(row.device);
  }

  async #goOn({ id, state }: DeploymentRecord): Promise<Assignment[]> {
    const rows = await this.#options.store.rollouts.listAssignments({ deployment: id });
    if (rows.some(isOpen) || state === 'turning-back') this.#ticker.touch(id);
    return rows;
  }

  async close(): Promise<void> {
    await this.#ticker.close();
  }

  /** @throws NodeosError as `draftDeployment` */
  async create(request: DeploymentRequest): Promise<Deployment> {
    const { store, changes, broker } = this.#options;
    const draft = await draftDeployment(store, request, this.#now());
    await this.#tellFirst(async (told) => {
      const written = await store.transaction((inside) =>
        addDeployment(inside, draft, (device) => broker.isOnline(device), this.#now()),
      );
      this.#asksFacts = null;
      // A step reads all rows; devices that ask meanwhile are no reason to keep the others from being told.
      this.#ticker.rest(draft.id, SERVER_LIMITS.untoldMs);
      await this.follow(written, draft.id, told);
    });
    await this.#ticker.now(draft.id);
    changes.publish('deployments', draft.id);
    return this.get(draft.id);
  }

  /** Says which devices would get the release when. @throws NodeosError as `draftDeployment` */
  async plan(request: DeploymentRequest): Promise<DeploymentPlan> {
    const { store, broker } = this.#options;
    return previewDraft(
      store,
      await draftDeployment(store, request, this.#now()),
      (device) => broker.isOnline(device),
      this.#now(),
    );
  }

  /**
   * Takes the deployment back: its devices want again what was deployed to them before it; with `turnBack` also those
   * for which nothing was deployed go back to what they ran. @throws NodeosError NOT_FOUND
   */
  async abort(id: string, turnBack = false): Promise<Deployment> {
    const record = await mustGet(this.#options.store, id);
    if (!isTakenBack(record) && record.state !== 'turning-back')
      await this.#take(id, (store) => takeBack(store, id, turnBack, this.#now()));
    return this.get(id);
  }

  /** No further device begins. @throws NodeosError NOT_FOUND, CONFLICT */
  async pause(id: string): Promise<Deployment> {
    return this.#steer(id, ['running', 'awaiting-approval'], { state: 'paused' });
  }

  /** Goes on; where the rollout was halted, the devices that failed are tried again. @throws NodeosError NOT_FOUND, CONFLICT */
  async resume(id: string): Promise<Deployment> {
    const { state } = await mustGet(this.#options.store, id);
    if (state !== 'halted') return this.#steer(id, ['paused'], { state: 'running' });
    await this.#take(id, (store) => tryAgain(store, id, this.#now()));
    return this.get(id);
  }

  /** Lets the wave begin that waits for it. @throws NodeosError NOT_FOUND, CONFLICT */
  async approve(id: string): Promise<Deployment> {
    const { wave } = await mustGet(this.#options.store, id);
    return this.#steer(id, ['awaiting-approval'], { state: 'running', approvedWave: wave });
  }

  async get(id: string): Promise<Deployment> {
    await this.#ticker.settled(id);
    return readDeployment(this.#options.store, id);
  }

  /** @throws NodeosError NOT_FOUND */
  async list(page: DeploymentPage = {}): Promise<Deployment[]> {
    await this.#ticker.settled();
    return readDeployments(this.#options.store, page);
  }

  /** What devices want, computed anew; belongs into the transaction that changes what it depends on. Then `follow`. */
  async recompute(store: Store, deviceIds: readonly string[]): Promise<Written> {
    const view = await readView(store);
    const devices = await store.getForRollout(deviceIds, view.asksReports);
    return writeChanges(store, view, devices, [], this.#now());
  }

  /** After a transaction: tells the devices whose desired state changed, and lets other deployments see to their rows. */
  async follow({ tells, deployments }: Written, except?: string, onTold = (): void => undefined): Promise<void> {
    for (const id of deployments) if (id !== except) this.#ticker.touch(id);
    const told = await this.#options.news.tell(tells);
    onTold();
    await this.#markTold(told);
  }

  /** Devices that come by themselves wait until those have heard to whom the operator speaks. */
  async #tellFirst<T>(work: (told: () => void) => Promise<T>): Promise<T> {
    const open = this.#options.door?.shut() ?? (() => undefined);
    return work(open).finally(open);
  }

  /** A group is another: devices may have come into the reach of a deployment, or have left it. */
  async groupsChanged(): Promise<void> {
    await this.#reachChanged(({ to }) => 'group' in to);
  }

  /** Releases are of another channel now: devices that were left out may get them. */
  async channelsChanged(targets: ReadonlySet<string>): Promise<void> {
    await this.#reachChanged(({ target }) => targets.has(target));
  }

  /** A device asks for its desired state. @returns false where it is to wait until it is called */
  async asked(deviceId: string): Promise<boolean> {
    if (!this.#options.news.asked(deviceId)) return false;
    // Most have been told before, or ask every five minutes: that needs no transaction.
    const rows = await this.#options.store.rollouts.listAssignments({ devices: [deviceId], past: false });
    if (rows.some(({ state }) => state === 'waiting')) await this.#markTold([deviceId]);
    return true;
  }

  /** A device came online: tells it of what it has not fetched yet. */
  async deviceListens(deviceId: string): Promise<void> {
    const device = await this.#options.store.getDevice(deviceId);
    if (device === null || (device.report?.generation ?? 0) === device.desired.generation) return;
    await this.#markTold(await this.#options.news.tell(new Map([[deviceId, device.desired.generation]])));
  }

  /** True where the report may move the device between groups: then all of it belongs into one transaction. */
  async mayRegroup(report: DeviceReport, before: DeviceReport | null): Promise<boolean> {
    return factsOf(report) !== factsOf(before) && (await this.#factsMatter());
  }

  /** What a report says of deployments; belongs into the transaction that keeps it. Then `reported`. @returns their ids */
  async noteReport(store: Store, deviceId: string, report: DeviceReport): Promise<ReadonlySet<string>> {
    const { rollouts } = store;
    const rows = await rollouts.listAssignments({ devices: [deviceId], past: false });
    const after = new Map(rows.map((row) => [row.deployment, row]));
    const known = new Map<string, DeploymentRecord>();
    const find = async (id: string): Promise<DeploymentRecord | null> => {
      const deployment = known.get(id) ?? (await rollouts.getDeployment(id));
      if (deployment !== null) known.set(id, deployment);
      return deployment;
    };
    for (const row of rows) {
      const name = attemptName(row.deployment, row.attempts);
      const concerns =
        isOpen(row) || row.state === 'returning' || report.updates.some(({ deployment }) => deployment === name);
      const deployment = concerns ? await find(row.deployment) : null;
      if (deployment !== null) after.set(row.deployment, afterReport(row, deployment, report, this.#now()));
    }
    const concerned = rows.filter((row) => after.get(row.deployment) !== row).map(({ deployment }) => deployment);
    if (concerned.some((id) => after.get(id)?.state === 'confirmed')) {
      for (const { deployment } of rows) await find(deployment);
      const [device] = await store.getForRollout([deviceId], false);
      const past = device && becomePast([...after.values()], (id) => known.get(id), device.desired);
      for (const row of past ?? []) after.set(row.deployment, row);
    }
    await rollouts.putAssignments([...after.values()].filter((row) => !rows.includes(row)));
    return new Set(concerned);
  }

  /** After a report: of the device, and of what it changed. */
  reported(deviceId: string, report: DeviceReport, deployments: ReadonlySet<string>): void {
    this.#options.news.reported(deviceId, report);
    for (const deployment of deployments) {
      this.#ticker.touch(deployment);
      this.#options.changes.publish('deployments', deployment);
    }
  }

  async #reachChanged(concerns: (deployment: DeploymentRecord) => boolean): Promise<void> {
    this.#asksFacts = null;
    const deployments = await this.#options.store.rollouts.listDeployments();
    const live = deployments.filter((one) => !isTakenBack(one));
    if (!live.some(concerns)) return;
    const devices = await this.#options.store.listDeviceIds({ state: 'active' });
    for (let at = 0; at < devices.length; at += SERVER_LIMITS.devicesPerStep) {
      const ids = devices.slice(at, at + SERVER_LIMITS.devicesPerStep);
      const written = await this.#options.store.transaction((store) => this.recompute(store, ids));
      for (const id of ids) this.#options.changes.publish('devices', id);
      await this.follow(written);
    }
    for (const { id } of live) this.#ticker.touch(id);
  }

  /** One decision of the engine, written; asks for itself again while there is more to do. @returns when to look again */
  async #advance(id: string): Promise<number | null> {
    const { store } = this.#options;
    const now = this.#now();
    // While devices are under way there is mostly nothing to decide, and nobody is kept from their rows to see that.
    const seen = this.#quiet.has(id) ? await lookAhead(store, id, now) : null;
    if (seen?.isQuiet) return seen.wakeAt;
    const { written, wakeAt, more } = await store.transaction((inside) => takeStep(inside, id, now));
    if (written === null) this.#quiet.add(id);
    else this.#quiet.delete(id);
    this.#options.changes.publish('deployments', id);
    if (written !== null) await this.follow(written, id);
    return more ? now : wakeAt;
  }

  async #markTold(devices: readonly string[]): Promise<void> {
    if (devices.length === 0) return;
    const [only] = devices;
    const changed = await this.#options.store.transaction(
      ({ rollouts }) => rollouts.markTold(devices, this.#now()),
      devices.length === 1 && only !== undefined ? { device: only } : 'fleet',
    );
    for (const id of changed) {
      this.#ticker.touch(id);
      this.#options.changes.publish('deployments', id);
    }
  }

  async #take(id: string, change: (store: Store) => Promise<Written>): Promise<void> {
    const written = await this.#tellFirst(async (told) => {
      const written = await this.#options.store.transaction(change);
      await this.follow(written, undefined, told);
      return written;
    });
    for (const device of written.tells.keys()) this.#options.changes.publish('devices', device);
    await this.#ticker.now(id);
    this.#options.changes.publish('deployments', id);
  }

  async #steer(id: string, from: readonly DeploymentRecord['state'][], patch: DeploymentPatch): Promise<Deployment> {
    await this.#options.store.transaction((store) => changeState(store, id, from, patch, this.#now()));
    await this.#ticker.now(id);
    this.#options.changes.publish('deployments', id);
    return this.get(id);
  }

  async #factsMatter(): Promise<boolean> {
    if (this.#asksFacts === null || this.#options.shared) {
      const live = (await readView(this.#options.store)).deployments.filter((one) => !isTakenBack(one));
      this.#asksFacts = live.some(
        ({ to, minimumSystem }) => 'query' in to || 'group' in to || minimumSystem !== undefined,
      );
    }
    return this.#asksFacts;
  }
}

const UNDER_WAY: ReadonlySet<DeploymentRecord['state']> = new Set([
  ...(['running', 'awaiting-approval', 'paused', 'turning-back'] as const),
]);

/** What of a report a query can ask for and that does not change all the time. */
function factsOf(report: DeviceReport | null): string {
  if (report === null) return '';
  const { apps, system, inventory, hostname, addresses, memory } = report;
  const versions = Object.entries(apps).map(([name, { version }]) => [name, version]);
  return JSON.stringify([versions, system.version, hostname, addresses, memory.totalKiB, inventory?.timeZone]);
}
