import { readFile, stat, statfs } from 'node:fs/promises';
import { networkInterfaces, release } from 'node:os';
import type { BootFacts } from '@nodeos/contracts/boot-facts.ts';
import type { DeviceReport, Inventory } from '@nodeos/contracts/device-api.ts';
import type { ScreenStatus } from '@nodeos/contracts/screen.ts';
import type { SlotManifest } from '@nodeos/contracts/slot-manifest.ts';
import { type MetricSources, readMetrics } from './metrics.ts';
import type { AppRuntime, Updater } from './ports.ts';
import type { RadioReport } from './wifi/radios.ts';

export interface ReportSources extends MetricSources {
  readonly facts: BootFacts;
  readonly system: SlotManifest;
  readonly updater: Pick<Updater, 'onTrial' | 'generation' | 'updates'>;
  readonly apps: Pick<AppRuntime, 'status'>;
  readonly addresses: () => string[];
  readonly radios: () => RadioReport[];
  readonly bootTimes: DeviceReport['bootTimes'];
  /** The data partition. */
  readonly dataDir: string;
  readonly serial: string;
  readonly screen?: ScreenStatus | undefined;
  readonly development?: { readonly app: string } | undefined;
  /** Of the fleet file. */
  readonly timeZone: string | undefined;
}

/** What the server is told of this device, as of now. */
export async function buildReport(sources: ReportSources): Promise<DeviceReport> {
  const { facts, system, updater } = sources;
  const memory = await readMemory(sources.proc);
  const metrics = await readMetrics(sources);
  return {
    format: 1,
    board: system.board,
    hostname: (await readFile(`${sources.proc}/sys/kernel/hostname`, 'utf8')).trim(),
    system: { version: system.version, slot: facts.slot, trial: updater.onTrial },
    bootId: (await readFile(`${sources.proc}/sys/kernel/random/boot_id`, 'utf8')).trim(),
    uptimeSeconds: Math.round((await uptimeMs(sources.proc)) / 1000),
    dataStore: facts.data,
    generation: updater.generation,
    apps: sources.apps.status(),
    updates: updater.updates().slice(-64),
    memory: { ...memory, agentRssKiB: Math.round(process.memoryUsage.rss() / 1024) },
    addresses: sources.addresses().slice(0, 32),
    bootTimes: sources.bootTimes,
    inventory: await readInventory(sources),
    ...(metrics && { metrics }),
    ...(sources.screen && { screen: sources.screen }),
    ...(sources.development && { development: sources.development }),
  };
}

async function readInventory({ dataDir, serial, timeZone, radios }: ReportSources): Promise<Inventory> {
  // A data partition that does not mount is told of elsewhere in the report.
  const { bsize, blocks, bavail } = await statfs(dataDir).catch(() => ({ bsize: 0, blocks: 0, bavail: 0 }));
  // A radio without an address is told of as well.
  const wireless = radios().map(({ name, mac, state, ssid }) => ({ name, mac, wifi: { state, ssid } }));
  const network = Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) => {
    const [first] = addresses.filter(({ internal }) => !internal);
    if (first === undefined || wireless.some((radio) => radio.name === name)) return [];
    return [{ name, mac: first.mac }];
  });
  return {
    serial,
    timeZone: timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    kernel: release(),
    nodeVersion: process.versions.node,
    storage: { totalKiB: Math.floor((blocks * bsize) / 1024), freeKiB: Math.floor((bavail * bsize) / 1024) },
    network: [...network, ...wireless].slice(0, 32),
  };
}

/** Memory of the whole machine in KiB; zero where the kernel does not tell. */
export async function readMemory(proc: string): Promise<{ totalKiB: number; availableKiB: number }> {
  const text = await readFile(`${proc}/meminfo`, 'utf8').catch(() => '');
  const value = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
  return { totalKiB: value('MemTotal'), availableKiB: value('MemAvailable') };
}

/** Milliseconds since the kernel started. */
export async function uptimeMs(proc: string): Promise<number> {
  return Math.round(Number((await readFile(`${proc}/uptime`, 'utf8')).split(' ')[0]) * 1000);
}

/**
 * When init had done its work, in milliseconds since the kernel started: it writes the facts last.
 * Must be asked before the clock is set; null where the file's time makes no sense.
 */
export async function initReadyMs(factsFile: string, proc: string): Promise<number | null> {
  try {
    const age = Date.now() - (await stat(factsFile)).mtimeMs;
    const ready = Math.round((await uptimeMs(proc)) - age);
    return ready >= 0 && age >= 0 ? ready : null;
  } catch {
    return null;
  }
}
