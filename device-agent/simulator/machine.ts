import type { BootFacts, InitWord } from '@nodeos/contracts/boot-facts.ts';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import type { DeviceMetrics } from '@nodeos/contracts/metrics.ts';
import type { SlotManifest } from '@nodeos/contracts/slot-manifest.ts';
import { delay } from '../src/backoff.ts';
import type { Updater } from '../src/ports.ts';
import type { Pointer, SlotName } from '../src/slots/pointer.ts';
import type { Character } from './character.ts';
import type { Profile } from './profile.ts';

/** One boot, as init would describe it. */
export interface Boot {
  readonly facts: BootFacts;
  readonly manifest: SlotManifest;
  /** What hardware and firmware know about the end of the last one. */
  readonly evidence: string | null;
}

/** Slots, pointer and boot loader of a device, without a medium. */
export class Machine {
  readonly #character: Character;
  readonly #slots = new Map<SlotName, SlotManifest>();
  #named: SlotName = 'a';
  /** Loaded for a jump into it. */
  #loaded: SlotName | null = null;

  constructor(profile: Profile, character: Character) {
    this.#character = character;
    this.#slots.set('a', {
      ...{ format: 1, board: character.board, version: profile.systemVersion, buildTime: 0, commandLine: '' },
      ...{ boot: { chain: 'grub', trial: 'kexec' }, kernelRelease: '6.12.0', nodeVersion: '24.21.0', files: {} },
    });
  }

  readonly pointer: Pointer = {
    read: () => this.#named,
    readAttempts: () => 0,
    clearAttempts: async () => {},
    confirm: async (slot) => {
      this.#named = slot;
    },
    takeOnce: async (slot) => {
      this.#loaded = slot;
      return 'tryboot';
    },
    forgetOnce: async () => {
      this.#loaded = null;
    },
  };

  writeSlot(slot: SlotName, manifest: SlotManifest): void {
    this.#slots.set(slot, manifest);
  }

  load(slot: SlotName): void {
    this.#loaded = slot;
  }

  coldBoot(evidence: string | null = null): Boot {
    this.#loaded = null;
    return { facts: bootFacts(this.#named, 0), manifest: this.#slots.get(this.#named) as SlotManifest, evidence };
  }

  /** Ends where the last word of a boot leads to. A system that is bad on this device panics in its trial. */
  async next(word: InitWord, signal: AbortSignal): Promise<Boot> {
    await delay(this.#character.bootMs, signal);
    const slot = this.#loaded;
    const manifest = slot === null ? undefined : this.#slots.get(slot);
    if (word === 'reboot' || slot === null || manifest === undefined) return this.coldBoot();
    if (!this.#character.isBad(`system@${manifest.version}`)) {
      this.#loaded = null;
      return { facts: bootFacts(slot, DEVICE_LIMITS.trialTimeoutSeconds), manifest, evidence: null };
    }
    await delay(this.#character.bootMs, signal);
    return this.coldBoot('the kernel panicked: simulated');
  }
}

function bootFacts(slot: SlotName, trial: number): BootFacts {
  return {
    ...{ slot, disk: '', disk_id: '00000000', boot_part: '', slot_a_part: 'a', slot_b_part: 'b', data_part: '' },
    ...{ data: 'disk', data_note: '', grown: true, trial, watchdog: false },
  };
}

const HOUR_SECONDS = 3600;
/** A busy processor is so much warmer, °C for each process that runs. */
const WARMTH = 8;

/** They rise and fall by the hour around what its character says, and are the same again at the same time after a boot. */
export function simulatedMetrics({ load, temperature, times }: Character, uptimeSeconds: number): DeviceMetrics {
  const wave = (period: number): number => Math.sin((2 * Math.PI * uptimeSeconds) / period + load);
  const over = (minutes: number): number => rounded(load * (1 + (0.4 * wave(HOUR_SECONDS)) / Math.sqrt(minutes)), 2);
  const p99 = rounded((1 + over(1)) * times, 2);
  return {
    load: { one: over(1), five: over(5), fifteen: over(15) },
    processors: 4,
    temperature: rounded(temperature + WARMTH * (over(1) - load) + wave(24 * HOUR_SECONDS), 1),
    eventLoopDelayMs: { mean: rounded(p99 / 10, 2), p99, max: rounded(p99 * 4, 2) },
  };
}

function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}

export interface ReportSources extends Boot {
  readonly profile: Profile;
  readonly character: Character;
  readonly serial: string;
  readonly bootId: string;
  readonly uptimeSeconds: number;
  readonly updater: Updater;
  readonly apps: DeviceReport['apps'];
}

/** What a device says of itself, with the numbers of a machine that is none. */
export function simulatedReport(sources: ReportSources): DeviceReport {
  const { facts, manifest, profile, character, serial, updater } = sources;
  const totalKiB = profile.memoryMiB * 1024;
  return {
    ...{ format: 1, board: manifest.board, hostname: serial.toLowerCase(), bootId: sources.bootId },
    ...{ uptimeSeconds: Math.round(sources.uptimeSeconds), dataStore: facts.data, apps: sources.apps },
    system: { version: manifest.version, slot: facts.slot, trial: updater.onTrial },
    ...{ generation: updater.generation, updates: updater.updates().slice(-64), addresses: ['127.0.0.1'] },
    memory: { totalKiB, availableKiB: totalKiB >> 1, agentRssKiB: 60_000 },
    metrics: simulatedMetrics(character, sources.uptimeSeconds),
    bootTimes: { init: null, agent: null, online: null },
    inventory: {
      ...{ serial, timeZone: character.timeZone, kernel: manifest.kernelRelease, nodeVersion: manifest.nodeVersion },
      ...{ storage: { totalKiB: 8_388_608, freeKiB: 4_194_304 }, network: [] },
    },
  };
}
