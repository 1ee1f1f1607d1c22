import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { TestRepository } from '@nodeos/device-agent/src/trust/repository.test-support.ts';
import { TestDevice } from '@nodeos/device-agent/src/updater/device.test-support.ts';
import { seededRandom } from './random.ts';
import type { Cut, Stretch } from './walk.ts';

export interface Scenario {
  readonly name: string;
  readonly repository: TestRepository;
  /** Brings a fresh device to where the stretch begins. */
  readonly prepare: (device: TestDevice) => Promise<void>;
  /** How the stretch's first boot comes about; the boot loader, unless told otherwise. */
  readonly begin?: (device: TestDevice, random: () => number) => Promise<void>;
  readonly spoil?: (device: TestDevice) => void;
  /** What the server says after every boot. */
  readonly ask: (device: TestDevice, boot: number, random: () => number) => Promise<void> | void;
  /** Nothing is left to do. */
  readonly atRest: (device: TestDevice) => boolean;
  /** Looks at the device once it is at rest. */
  readonly check: (device: TestDevice, cuts: number) => void;
}

const BOOTS_MAX = 12;
const LIMIT_MS = 60_000;
const HOME_FILE = 'data/users/hello/diary';
/** Boots of the preparation must not have the same id. */
const FIRST_BOOT = 100;

/** A device's life with the update engine on a disk that the power may leave at any operation. */
export function deviceStretch(scenario: Scenario): Stretch & { dispose(): void } {
  let prepared: Promise<TestDevice> | null = null;

  async function prepare(): Promise<TestDevice> {
    const device = new TestDevice('nothing lost', scenario.repository);
    mkdirSync(join(device.folder, HOME_FILE, '..'), { recursive: true });
    writeFileSync(join(device.folder, HOME_FILE), 'written by a user');
    hurry(device);
    await scenario.prepare(device);
    return device;
  }

  async function live(cut: Cut): Promise<{ cuts: number; calls: number }> {
    prepared ??= prepare();
    const from = await prepared;
    const random = seededRandom(cut.seed);
    const device = new TestDevice(cut.losses, scenario.repository, { from: from.folder, random });
    try {
      for (const [version, image] of from.known) device.known.set(version, image);
      hurry(device);
      device.boots = FIRST_BOOT;
      scenario.spoil?.(device);
      let cuts = 0;
      await (scenario.begin ?? ((each) => each.coldBoot()))(device, random);
      const start = device.disk.calls;
      device.disk.cutAt = start + cut.at;
      for (let boot = 0; boot < BOOTS_MAX; boot++) {
        const asked = Promise.resolve(scenario.ask(device, boot, random));
        asked.catch(() => {});
        const how = await Promise.race([device.ended, atRest(device, scenario)]);
        if (how === 'at rest') {
          await asked;
          requireOldOrNew(device);
          scenario.check(device, cuts);
          return { cuts, calls: device.disk.calls - start };
        }
        if (device.disk.failing) {
          await device.disk.unplug();
          cuts++;
          if (cut.again !== null && cuts === 1) device.disk.cutAt = device.disk.calls + cut.again;
        }
        requireOldOrNew(device);
        if (how === 'kexec' && !device.disk.dead) await device.trialBoot();
        else await device.coldBoot();
      }
      throw new Error(`the device does not come to rest: ${device.events.slice(-8).join(' | ')}`);
    } finally {
      device.dispose();
    }
  }

  return {
    name: scenario.name,
    count: async () =>
      (await live({ at: Number.POSITIVE_INFINITY, losses: 'nothing lost', seed: 1, again: null })).calls,
    live: async (cut) => (await live(cut)).cuts > 0,
    dispose: () => void prepared?.then((device) => device.dispose()),
  };
}

/** Waiting takes no time: the clock goes on by what was waited for. */
function hurry(device: TestDevice): void {
  let now = 0;
  device.time = {
    monotonicMs: () => now,
    delay: async (milliseconds) => {
      now += milliseconds;
      await setImmediate();
    },
  };
}

/** Resolves when the scenario is at rest and the disk is quiet: what tidies up afterwards may be cut too. */
async function atRest(device: TestDevice, scenario: Scenario): Promise<'at rest' | 'kexec' | 'reboot' | 'cut'> {
  const { updater } = device;
  const end = performance.now() + LIMIT_MS;
  for (let quiet = 0, calls = -1; quiet < 4; ) {
    if (updater !== device.updater || device.disk.failing) return device.ended;
    if (performance.now() > end) throw new Error(`never at rest: ${device.events.slice(-8).join(' | ')}`);
    await setTimeout(1);
    quiet = !updater.onTrial && scenario.atRest(device) && device.disk.calls === calls ? quiet + 1 : 0;
    calls = device.disk.calls;
  }
  return device.disk.failing ? device.ended : 'at rest';
}

/** What a cold boot would take is a whole known system; the apps that would start are whole; users' data is untouched. */
function requireOldOrNew(device: TestDevice): void {
  const pointer = device.pointer.read();
  assert.notEqual(device.wholeSystem(pointer), null, `nothing whole in slot ${pointer}`);
  assert.equal(readFileSync(join(device.folder, HOME_FILE), 'utf8'), 'written by a user');
  const files = ['state.json', 'state.json.bak'].map((name) => join(device.stateDir, name)).filter(existsSync);
  const states = files.flatMap((file) => {
    try {
      return [JSON.parse(readFileSync(file, 'utf8'))];
    } catch {
      return [];
    }
  });
  if (files.length > 0) assert.ok(states.length > 0, 'no whole state is left');
  for (const app of Object.values<{ sha256: string }>(states[0]?.apps ?? {})) {
    const bundle = readFileSync(join(device.stateDir, 'bundles', `${app.sha256}.sqfs`));
    assert.equal(createHash('sha256').update(bundle).digest('hex'), app.sha256);
  }
}
