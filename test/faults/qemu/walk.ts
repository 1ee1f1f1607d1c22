import { readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DEVICE_RECORD_AREA_BYTES,
  DEVICE_RECORD_OFFSETS,
  newestDeviceRecord,
} from '@nodeos/contracts/device-record.ts';
import { parseEnvironmentBlock } from '@nodeos/contracts/grub-environment.ts';
import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import { copyDisk } from '@nodeos/firmware/emulate/disk-copy.ts';
import { putFleetFile, readBootFile } from '@nodeos/firmware/emulate/fleet-partition.ts';
import { createWorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import { seededRandom } from '../twin/random.ts';
import type { Row } from '../twin/walk.ts';
import { chooseCuts, type DiskCut } from './cuts.ts';
import { type FaultMachine, startMachine } from './machine.ts';
import { type RecordingDisk, serveDisk } from './nbd-server.ts';
import { hasCome, type Phase, phasesOf } from './phases.ts';
import { inputsOf, openResults, type Results, rowsOf } from './results.ts';
import { deviceUntil, openSite, type Site } from './site.ts';
import { materialise, noteChanges } from './write-log.ts';

const MEDIUM_BYTES = 512 * 1_048_576;
const PHASE_LIMIT_MS = 600_000;
const RECOVERY_LIMIT_MS = 600_000;
const QUIET_MS = 1_500;
const REPORT_LIMIT_MS = 4_000;
const REPORT_TRIES = 100;

export interface QemuOptions {
  /** Cuts in all. */
  readonly cuts: number;
  readonly seed: number;
  /** Part of a phase's name; empty for all. The phases before it are lived without cuts. */
  readonly phase: string;
  /** File that keeps what was tried, so that a walk goes on where it was broken off; null: nothing is kept. */
  readonly results: string | null;
  /** The cuts that fall to this walk, e.g. each second one: `{index: 0, of: 2}`; each walk records a life of its own. */
  readonly share: { readonly index: number; readonly of: number };
  readonly say: (line: string) => void;
}

interface Recorded {
  /** The server that the fleet file names; another one after a move. */
  site: Site;
  readonly base: string;
  /** The medium of the machine that is recorded. */
  readonly live: string;
  readonly disk: RecordingDisk;
  machine: FaultMachine;
  readonly say: (line: string) => void;
  readonly results: Results;
  deviceId: string | null;
  /** What the machine reported last; one that runs from a cut disk has others. */
  bootId: string | null;
  serial: string | null;
  /** What the user wrote, once there is something. */
  diary: string | null;
  readonly boots: Set<string>;
}

/** Lives a device's life in QEMU on a disk that remembers every write, and cuts the power in each phase of it. */
export async function runQemu(options: QemuOptions): Promise<Row[]> {
  const work = createWorkFolder();
  const sites = await Promise.all(['first', 'second'].map((name) => openSite(join(work.path, name), options.say)));
  const [site, other] = sites as [Site, Site];
  const phases = phasesOf();
  const chosen = phases.filter(({ name, uncut }) => name.includes(options.phase) && !uncut);
  let recorded: Recorded | null = null;
  try {
    recorded = await startRecording(site, options);
    for (const phase of phases.slice(0, phases.indexOf(chosen.at(-1) as Phase) + 1)) {
      if (phase.moved) await move(recorded, other);
      const { from, to } = await record(recorded, phase);
      options.say(`${phase.name}: ${to - from + 1} writes recorded`);
      if (!chosen.includes(phase)) continue;
      const cuts = chooseCuts(recorded.disk.log, from, to, Math.ceil(options.cuts / chosen.length), options.seed);
      await recorded.machine.emulator.qmp.execute('stop');
      await cutAt(recorded, phase, cuts, to - from + 1, options);
      await recorded.machine.emulator.qmp.execute('cont');
    }
    return rowsOf(recorded.results.all);
  } finally {
    await recorded?.machine.emulator.stop();
    await recorded?.disk.close();
    for (const each of sites) await each.close();
    work.remove();
  }
}

async function startRecording(site: Site, { say, results }: QemuOptions): Promise<Recorded> {
  const image = await site.system('image', '1.0.0');
  const slot = await site.system('slot', '1.0.0');
  const inputs = inputsOf(JSON.parse(readFileSync(join(slot, '..', 'manifest.json'), 'utf8')));
  const base = join(site.folder, 'base.img');
  await copyDisk(image, base, MEDIUM_BYTES);
  await putFleetFile(base, site.fleetFile);
  const live = join(site.folder, 'live.img');
  await copyDisk(base, live, MEDIUM_BYTES);
  const disk = await serveDisk(live, join(site.folder, 'disk.sock'));
  const machine = await startMachine(site, disk.url, 'recorded');
  return {
    ...{ site, base, live, disk, machine, say, results: openResults(results, inputs) },
    ...{ deviceId: null, bootId: null, serial: null, diary: null, boots: new Set() },
  };
}

/** Switches the machine off, names another server in its fleet file, and switches it on. */
async function move(recorded: Recorded, site: Site): Promise<void> {
  const { disk, live } = recorded;
  await recorded.machine.emulator.stop();
  await noteChanges(disk.log, live, () => putFleetFile(live, site.fleetFile));
  recorded.site = site;
  recorded.deviceId = null;
  recorded.machine = await startMachine(site, disk.url, 'moved');
}

/** Lives one phase without a cut; gives its first and its last write. */
async function record(recorded: Recorded, phase: Phase): Promise<{ from: number; to: number }> {
  const { site, disk, machine, boots } = recorded;
  const known = recorded.deviceId;
  if (known !== null) await untilItself(recorded, known);
  const from = disk.log.writes.length + 1;
  await phase.begin(site, known);
  const id = known ?? (await newDevice(site, new Set()));
  recorded.deviceId = id;
  const others = phase.newBoot ? new Set(boots) : new Set<string>();
  const device = await deviceUntil(site, id, (seen) => hasCome(phase, seen, others), PHASE_LIMIT_MS, phase.name);
  if (recorded.serial !== null && device.serial !== recorded.serial) throw new Error('another identity without a cut');
  recorded.serial = device.serial;
  recorded.bootId = device.report?.bootId ?? null;
  if (recorded.bootId !== null) boots.add(recorded.bootId);
  if (phase.app !== null) {
    const diary = (await machine.askApp())?.split(' ').slice(1).join(' ') ?? null;
    if (recorded.diary !== null && diary !== recorded.diary) throw new Error('other data of the user without a cut');
    recorded.diary = diary;
  }
  for (let seen = -1; seen !== disk.log.writes.length; ) {
    seen = disk.log.writes.length;
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
  }
  return { from, to: disk.log.writes.length };
}

/** After a pause its connections are made anew; until then the server knows what a machine with a cut disk said last. */
async function untilItself({ site, bootId }: Recorded, id: string): Promise<void> {
  const itself = ({ online, report }: DeviceDetail) => online && report?.bootId === bootId;
  for (let tries = 1; ; tries++) {
    await site.askForReport(id);
    try {
      await deviceUntil(site, id, itself, REPORT_LIMIT_MS, 'the device that is recorded');
      return;
    } catch (error) {
      if (tries === REPORT_TRIES) throw error;
    }
  }
}

async function newDevice(site: Site, known: ReadonlySet<string>): Promise<string> {
  const found = () => site.devices().then((devices) => devices.find(({ id }) => !known.has(id))?.id ?? null);
  const id = await site.operator.changes.until(found, (seen) => seen !== null, PHASE_LIMIT_MS, 'a device', String);
  return id as string;
}

async function cutAt(
  recorded: Recorded,
  phase: Phase,
  cuts: readonly DiskCut[],
  writes: number,
  { share, say }: QemuOptions,
): Promise<void> {
  const { results } = recorded;
  for (const [number, cut] of cuts.entries()) {
    if (number % share.of !== share.index || results.has(phase.name, number)) continue;
    const started = performance.now();
    const fault = await survive(recorded, phase, cut).then(
      () => null,
      (error: Error) => error.message,
    );
    const seconds = Math.round((performance.now() - started) / 1000);
    results.add({ phase: phase.name, number, writes, ...cut, seconds, fault });
    const outcome = fault === null ? 'survived' : `NOT survived: ${fault}`;
    say(`${phase.name}, cut at write ${cut.at}, ${cut.losses}: ${outcome} (${seconds} s)`);
  }
}

/** Boots what a cut leaves; the device must come to where the phase leads, by itself. */
async function survive(recorded: Recorded, phase: Phase, { at, losses, seed }: DiskCut): Promise<void> {
  const { site, base, disk, boots } = recorded;
  const image = join(site.folder, 'cut.img');
  await materialise(base, image, disk.log, at, losses, seededRandom(seed));
  const serial = await serialOn(image);
  const known = new Set((await site.devices()).map((device) => device.id));
  const machine = await startMachine(site, image, 'cut');
  try {
    const own = serial === recorded.serial ? recorded.deviceId : null;
    if (own === null && !phase.birth) throw new Error('the identity is gone');
    const id = own ?? (await newDevice(site, known));
    const others = new Set([...boots, ...(await bootsOf(site, id))]);
    const device = await deviceUntil(site, id, (seen) => hasCome(phase, seen, others), RECOVERY_LIMIT_MS, phase.name);
    if (device.report?.dataStore !== 'disk') throw new Error('data lies in RAM');
    requireSlot(device, await readBootFile(image, '/grub/grubenv'));
    if (phase.app !== null) await requireDiary(machine, phase, recorded.diary);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${machine.emulator.console.tail(12)}`);
  } finally {
    await machine.emulator.stop();
    rmSync(image);
  }
}

/** A device that has come to its end runs the slot that a cold boot would take. */
function requireSlot({ report }: DeviceDetail, pointer: Buffer): void {
  const slot = parseEnvironmentBlock(pointer).nodeos_slot;
  if (report?.system.slot !== slot) throw new Error(`slot ${report?.system.slot} runs, the pointer names ${slot}`);
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
