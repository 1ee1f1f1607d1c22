import type { WebhookTopic } from '@nodeos/contracts/webhooks.ts';
import { deviceName } from '../devices/summary.ts';
import { CHANGE_TOPICS, type Change } from '../live/changes.ts';
import type { ReleaseRecord } from '../store/releases.ts';
import type { DeploymentRecord } from '../store/rollouts.ts';
import type { DeviceRecord, Store } from '../store/store.ts';

export interface Happening {
  readonly topic: WebhookTopic;
  /** e.g. `deployment.failed`. */
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What may be announced, and the state it is in; null where nobody wants to hear of that state. */
interface Subject {
  readonly state: string;
  readonly happening: Happening | null;
}
type Subjects = ReadonlyMap<string, Subject>;

/** A state of its own: what is there was there before anybody listened. */
const BEGUN = 'begun';
const ANYTHING: readonly Change[] = CHANGE_TOPICS.map((topic) => ({ topic, id: '' }));

/**
 * Finds in the stream of changes, most of which are progress, those that change a state. What was announced stands in
 * the store: of several servers that see a change one announces it, and what none has seen is found later.
 */
export class StateWatch {
  /** As this server saw them last, to pay nothing for progress. */
  readonly #seen = new Map<string, string>();

  /** Remembers how things are: only what differs later has happened. Belongs into a transaction. */
  async begin(store: Store): Promise<void> {
    if ((await store.webhooks.states()).has(BEGUN)) return;
    await store.webhooks.forgetStates();
    const all = new Map([[BEGUN, '']]);
    for (const change of ANYTHING) for (const [key, { state }] of await subjectsOf(store, change)) all.set(key, state);
    await store.webhooks.noteStates(all);
  }

  /** False where this server has seen it so. */
  async isNew(store: Store, change: Change): Promise<boolean> {
    return [...(await subjectsOf(store, change))].some(([key, { state }]) => this.#seen.get(key) !== state);
  }

  /** What has happened and nobody has announced; it counts as announced then. Belongs into a transaction. */
  async take(store: Store, change: Change): Promise<Happening[]> {
    const subjects = new Map(await subjectsOf(store, change));
    if (change.id === '' && change.topic === 'devices') await addRemoved(store, subjects);
    for (const [key, { state }] of subjects) this.#seen.set(key, state);
    const states = new Map([...subjects].map(([key, { state }]) => [key, state]));
    const changed = await store.webhooks.noteStates(states);
    return [...subjects].flatMap(([key, { happening }]) => (changed.has(key) && happening !== null ? [happening] : []));
  }

  async takeAll(store: Store): Promise<Happening[]> {
    const happenings: Happening[] = [];
    for (const change of ANYTHING) happenings.push(...(await this.take(store, change)));
    return happenings;
  }
}

/** What a change is about, as it is now. */
async function subjectsOf(store: Store, { topic, id }: Change): Promise<Subjects> {
  if (topic === 'devices') {
    if (id === '') return new Map((await store.listDevices()).map(deviceSubject));
    const device = await store.getDevice(id);
    return new Map([device === null ? removedSubject(id) : deviceSubject(device)]);
  }
  if (topic === 'deployments') {
    if (id === '') return new Map((await store.rollouts.listDeployments()).map(deploymentSubject));
    const deployment = await store.rollouts.getDeployment(id);
    return new Map(deployment === null ? [] : [deploymentSubject(deployment)]);
  }
  return topic === 'releases' ? new Map((await store.releases.list()).map(releaseSubject)) : new Map();
}

async function addRemoved(store: Store, subjects: Map<string, Subject>): Promise<void> {
  for (const [key, state] of await store.webhooks.states()) {
    const [kind, id = ''] = key.split(' ');
    if (kind === 'device' && state !== 'removed' && !subjects.has(key)) subjects.set(...removedSubject(id));
  }
}

function deviceSubject(device: DeviceRecord): [string, Subject] {
  const { id, state, board, tags } = device;
  const data = { id, state, name: deviceName(device), board, tags };
  return [`device ${id}`, { state, happening: { topic: 'device', type: `device.${state}`, data } }];
}

function removedSubject(id: string): [string, Subject] {
  const state = 'removed';
  return [`device ${id}`, { state, happening: { topic: 'device', type: 'device.removed', data: { id, state } } }];
}

function deploymentSubject({ id, state, kind, name, version, target, reason }: DeploymentRecord): [string, Subject] {
  const data = { id, state, kind, name, version, target, reason };
  return [`deployment ${id}`, { state, happening: { topic: 'deployment', type: `deployment.${state}`, data } }];
}

function releaseSubject({ target, listed }: ReleaseRecord): [string, Subject] {
  const happening: Happening = { topic: 'release', type: 'release.published', data: { target } };
  return [`release ${target}`, { state: listed ? 'listed' : 'unlisted', happening: listed ? happening : null }];
}
