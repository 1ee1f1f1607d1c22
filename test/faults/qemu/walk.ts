import { rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DEVICE_RECORD_AREA_BYTES,
  DEVICE_RECORD_OFFSETS,
  newestDeviceRecord,
} from '@nodeos/contracts/device-record.ts';
import type { Losses } from '@nodeos/device-agent/src/updater/fault-disk.test-support.ts';
import { copyDisk } from '@nodeos/firmware/emulate/disk-copy.ts';
import { putFleetFile } from '@nodeos/firmware/emulate/fleet-partition.ts';
import { createWorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import { seededRandom } from '../twin/random.ts';
import type { Row } from '../twin/walk.ts';
import { type FaultMachine, startMachine } from './machine.ts';
import { type RecordingDisk, serveDisk } from './nbd-server.ts';
import { hasCome, type Phase, phasesOf } from './phases.ts';
import { deviceUntil, openSite, type Site } from './site.ts';
import { chooseCuts, materialise } from './write-log.ts';

const MEDIUM_BYTES = 512 * 1_048_576;
const PHASE_LIMIT_MS = 600_000;
const RECOVERY_LIMIT_MS = 600_000;
const QUIET_MS = 1_500;
const MODES: readonly Losses[] = ['nothing lost', 'unsynced lost', 'some lost', 'torn sector'];

export interface QemuOptions {
  /** Cuts in all. */
  readonly cuts: number;
  readonly seed: number;
  /** Part of a phase's name; empty for all. The phases before it are lived without cuts. */
  readonly phase: string;
  readonly say: (line: string) => void;
  readonly onRow: (row: Row) => void;
}

interface Recorded {
  readonly site: Site;
  readonly base: string;
  readonly disk: RecordingDisk;
  readonly machine: FaultMachine;
  readonly say: (line: string) => void;
  deviceId: string | null;
  serial: string | null;
  /** What the user wrote, once there is something. */
  diary: string | null;
  readonly boots: Set<string>;
}

/** Lives a device's life in QEMU on a disk that remembers every write, and cuts the power in each phase of it. */
export async function runQemu(options: QemuOptions): Promise<Row[]> {
  const work = createWorkFolder();
  const site = await openSite(work.path, options.say);
  const phases = phasesOf();
  const chosen = phases.filter(({ name }) => name.includes(options.phase));
  const rows: Row[] = [];
  let recorded: Recorded | null = null;
  try {
    recorded = await startRecording(site, options.say);
    for (const phase of phases.slice(0, phases.indexOf(chosen.at(-1) as Phase) + 1)) {
      const { from, to } = await record(recorded, phase);
      options.say(`${phase.name}: ${to - from + 1} writes recorded`);
      if (!chosen.includes(phase)) continue;
      const cuts = chooseCuts(recorded.disk.log, from, to, Math.ceil(options.cuts / chosen.length));
      await recorded.machine.emulator.qmp.execute('stop');
      const row = await cutAt(recorded, phase, cuts, to - from + 1, options);
      await recorded.machine.emulator.qmp.execute('cont');
      rows.push(row);
      options.onRow(row);
    }
    return rows;
  } finally {
    await recorded?.machine.emulator.stop();
    await recorded?.disk.close();
    await site.close();
    work.remove();
  }
}

async function startRecording(site: Site, say: (line: string) => void): Promise<Recorded> {
  const image = await site.system('image', '1.0.0');
  const base = join(site.folder, 'base.img');
  await copyDisk(image, base, MEDIUM_BYTES);
  await putFleetFile(base, site.fleetFile);
  const live = join(site.folder, 'live.img');
  await copyDisk(base, live, MEDIUM_BYTES);
  const disk = await serveDisk(live, join(site.folder, 'disk.sock'));
  const machine = await startMachine(site, disk.url, 'recorded');
  return { site, base, disk, machine, say, deviceId: null, serial: null, diary: null, boots: new Set() };
}

/** Lives one phase without a cut; gives its first and its last write. */
async function record(recorded: Recorded, phase: Phase): Promise<{ from: number; to: number }> {
  const { site, disk, machine, boots } = recorded;
  // After a pause its connections are made anew.
  const known = recorded.deviceId;
  if (known !== null) await deviceUntil(site, known, ({ online }) => online, PHASE_LIMIT_MS, 'the device online');
  const from = disk.log.writes.length + 1;
  await phase.begin(site, recorded.deviceId);
  const id = recorded.deviceId ?? (await newDevice(site, new Set()));
  recorded.deviceId = id;
  const others = phase.newBoot ? new Set(boots) : new Set<string>();
  const device = await deviceUntil(site, id, (seen) => hasCome(phase, seen, others), PHASE_LIMIT_MS, phase.name);
  recorded.serial = device.serial;
  if (device.report) boots.add(device.report.bootId);
  if (phase.app !== null) recorded.diary ??= (await machine.askApp())?.split(' ').slice(1).join(' ') ?? null;
  for (let seen = -1; seen !== disk.log.writes.length; ) {
    seen = disk.log.writes.length;
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
  return { from, to: disk.log.writes.length };
}

async function newDevice(site: Site, known: ReadonlySet<string>): Promise<string> {
  const found = () => site.devices().then((devices) => devices.find(({ id }) => !known.has(id))?.id ?? null);
  const id = await site.operator.changes.until(found, (seen) => seen !== null, PHASE_LIMIT_MS, 'a device', String);
  return id as string;
}

async function cutAt(
  recorded: Recorded,
  phase: Phase,
  cuts: readonly number[],
  operations: number,
  { seed, say }: QemuOptions,
): Promise<Row> {
  const faults: string[] = [];
  for (const [index, count] of cuts.entries()) {
    const losses = MODES[(index + count) % MODES.length] as Losses;
    const name = `${phase.name}, cut at write ${count}, ${losses}`;
    const started = performance.now();
    try {
      await survive(recorded, phase, count, losses, seed + count);
      say(`${name}: survived (${((performance.now() - started) / 1000).toFixed(0)} s)`);
    } catch (error) {
      faults.push(`${name}, seed ${seed}: ${(error as Error).message}`);
      say(`${name}: NOT survived: ${(error as Error).message}`);
    }
  }
  return { scenario: phase.name, operations, tried: cuts.length, survived: cuts.length - faults.length, faults };
}

/** Boots what a cut leaves; the device must come to where the phase leads, by itself. */
async function survive(recorded: Recorded, phase: Phase, count: number, losses: Losses, seed: number): Promise<void> {
  const { site, base, disk, boots } = recorded;
  const image = join(site.folder, 'cut.img');
  await materialise(base, image, disk.log, count, losses, seededRandom(seed));
  const serial = await serialOn(image);
  const known = new Set((await site.devices()).map((device) => device.id));
  const machine = await startMachine(site, image, 'cut');
  try {
    const own = serial === recorded.serial ? recorded.deviceId : null;
    if (own === null && phase.app !== null) throw new Error('the identity is gone');
    const id = own ?? (await newDevice(site, known));
    const others = new Set([...boots, ...(await bootsOf(site, id))]);
    const device = await deviceUntil(site, id, (seen) => hasCome(phase, seen, others), RECOVERY_LIMIT_MS, phase.name);
    if (device.report?.dataStore !== 'disk') throw new Error('data lies in RAM');
    if (phase.app !== null) await requireDiary(machine, phase, recorded.diary);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${machine.emulator.console.tail(12)}`);
  } finally {
    await machine.emulator.stop();
    rmSync(image);
  }
}

async function bootsOf(site: Site, id: string): Promise<string[]> {
  const { report } = await site.detail(id);
  return report ? [report.bootId] : [];
}

/** In the phase in which the diary is begun, another one may be begun. */
async function requireDiary(machine: FaultMachine, phase: Phase, diary: string | null): Promise<void> {
  const answer = (await machine.askApp()) ?? 'no answer';
  const [version, ...page] = answer.split(' ');
  if (version !== phase.app) throw new Error(`the app answers "${answer}"`);
  if (!phase.apps.includes(null) && page.join(' ') !== diary) throw new Error(`the user's data is "${page.join(' ')}"`);
}

async function serialOn(image: string): Promise<string | null> {
  const file = await open(image, 'r');
  try {
    const copies = [];
    for (const offset of DEVICE_RECORD_OFFSETS) {
      const area = Buffer.alloc(DEVICE_RECORD_AREA_BYTES);
      await file.read(area, 0, area.length, offset);
      copies.push(area);
    }
    return (newestDeviceRecord(copies)?.payload as { serial?: string } | undefined)?.serial ?? null;
  } finally {
    await file.close();
  }
}
