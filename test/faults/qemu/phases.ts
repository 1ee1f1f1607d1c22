import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import { deployToAll, type Site } from './site.ts';

/** A stretch of a device's life whose writes are recorded and then cut. */
export interface Phase {
  readonly name: string;
  /** What an operator does; nothing for what the device does by itself. */
  readonly begin: (site: Site, deviceId: string | null) => Promise<unknown>;
  /** What the device comes to, with or without cuts. */
  readonly system: string;
  readonly app: string | null;
  /** Versions that may be seen on the way. */
  readonly systems: readonly string[];
  readonly apps: readonly (string | null)[];
  /** A reason for the failure that is part of the phase. */
  readonly failure?: RegExp;
  /** The machine must have been started anew. */
  readonly newBoot?: boolean;
  /** There was no device before it. */
  readonly birth?: boolean;
  /** The machine is off while its fleet file is made to name another server. */
  readonly moved?: boolean;
  /** Only on the way to the next one. */
  readonly uncut?: boolean;
}

/** An agent that ends before it says a word to anybody. */
export const BROKEN_AGENT = "throw new Error('this agent never comes up');\n";

export function phasesOf(): readonly Phase[] {
  const app = (version: string) => async (site: Site) => void (await deployToAll(site, await site.app(version)));
  const system = (version: string, agent?: string) => async (site: Site) =>
    void (await deployToAll(site, await site.publishSystem(version, agent)));
  return [
    {
      name: 'first boot',
      begin: async () => {},
      ...{ system: '1.0.0', app: null, systems: ['1.0.0'], apps: [null], birth: true },
    },
    {
      name: 'app install',
      begin: app('1.0.0'),
      system: '1.0.0',
      app: '1.0.0',
      systems: ['1.0.0'],
      apps: [null, '1.0.0'],
    },
    {
      name: 'shutdown and boot',
      begin: async (site, id) => void (await site.operator.client.send('POST', `/devices/${id}/reboot`, {})),
      ...{ system: '1.0.0', app: '1.0.0', systems: ['1.0.0'], apps: ['1.0.0'], newBoot: true },
    },
    {
      name: 'app update',
      begin: app('2.0.0'),
      system: '1.0.0',
      app: '2.0.0',
      systems: ['1.0.0'],
      apps: ['1.0.0', '2.0.0'],
    },
    {
      name: 'desired state changed under way',
      async begin(site) {
        const [first, second] = [await site.app('3.0.0'), await site.app('4.0.0')];
        await deployToAll(site, first);
        await deployToAll(site, second);
      },
      ...{ system: '1.0.0', app: '4.0.0', systems: ['1.0.0'], apps: ['2.0.0', '3.0.0', '4.0.0'] },
    },
    {
      name: 'app removal',
      begin: (site) => site.wantRemoved(['hello']),
      ...{ system: '1.0.0', app: null, systems: ['1.0.0'], apps: ['4.0.0', null] },
    },
    {
      name: 'hello once more',
      async begin(site) {
        await site.wantRemoved([]);
        await app('5.0.0')(site);
      },
      ...{ system: '1.0.0', app: '5.0.0', systems: ['1.0.0'], apps: [null, '4.0.0', '5.0.0'], uncut: true },
    },
    {
      name: 'system update and confirm',
      begin: system('1.1.0'),
      ...{ system: '1.1.0', app: '5.0.0', systems: ['1.0.0', '1.1.0'], apps: ['5.0.0'] },
    },
    {
      name: 'system rollback',
      begin: system('1.2.0', BROKEN_AGENT),
      ...{ system: '1.1.0', app: '5.0.0', systems: ['1.1.0', '1.2.0'], apps: ['5.0.0'], failure: /^TRIAL_FAILED/ },
    },
    {
      name: 'fleet file changed',
      begin: async () => {},
      ...{ system: '1.1.0', app: '5.0.0', systems: ['1.1.0'], apps: ['5.0.0'], newBoot: true, moved: true },
    },
  ];
}

/**
 * True once a device has come to what the phase wants, in a boot that is none of those.
 * @throws where it shows a version that nobody wanted
 */
export function hasCome(phase: Phase, device: DeviceDetail, otherBoots: ReadonlySet<string>): boolean {
  const { report } = device;
  if (!device.online || !report || otherBoots.has(report.bootId)) return false;
  const app = report.apps.hello?.version ?? null;
  if (!phase.systems.includes(report.system.version)) throw new Error(`a third system: ${report.system.version}`);
  if (!phase.apps.includes(app)) throw new Error(`a third app: ${app}`);
  if (report.system.version !== phase.system || report.system.trial || app !== phase.app) return false;
  if (app !== null && report.apps.hello?.state !== 'running') return false;
  const failed = device.updates.some(({ state, reason }) => state === 'failed' && phase.failure?.test(reason ?? ''));
  return phase.failure === undefined || failed;
}
