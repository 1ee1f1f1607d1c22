import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import { copyDisk } from '@nodeos/firmware/emulate/disk-copy.ts';
import { putFleetFile } from '@nodeos/firmware/emulate/fleet-partition.ts';
import { createWorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { type FaultMachine, startMachine } from '../faults/qemu/machine.ts';
import { deployToAll, deviceUntil, openSite, type Site } from '../faults/qemu/site.ts';
import { BAD, type BadRelease, SLOT_MIB } from './recovery-releases.ts';
import { controlStorms, type StormControl } from './storm-control.ts';

const MIB = 1_048_576;
const MEDIUM_BYTES = 512 * MIB;
const LIMIT_MS = 1_200_000;
const SLOT_A_MIB = 36;

export interface Recovery {
  readonly name: string;
  readonly seconds: number;
  readonly reason: string;
}

function isBack(device: DeviceDetail, system: string, app: string): boolean {
  const { report, online } = device;
  if (!online || report?.system.version !== system || report.system.trial) return false;
  return report.apps.hello?.version === app && report.apps.hello.state === 'running';
}

async function recover(
  site: Site,
  id: string,
  bad: BadRelease,
  version: string,
  { stormPort, limitMs }: { stormPort: number; limitMs: number },
): Promise<Recovery> {
  const target = await bad.publish(site, version, stormPort);
  const started = performance.now();
  const deployment = await deployToAll(site, target);
  let reason = '';
  await deviceUntil(
    site,
    id,
    (device) => {
      const ended = device.updates.find((update) => update.deployment === deployment && update.state === 'failed');
      reason = ended?.reason ?? '';
      return ended !== undefined && isBack(device, '1.0.0', '1.0.0');
    },
    limitMs,
    `the old release after: ${bad.name}`,
  );
  if (!bad.reason.test(reason)) throw new Error(`${bad.name}: the device says "${reason}"`);
  return { name: bad.name, seconds: (performance.now() - started) / 1000, reason };
}

/** A confirmed slot that stops booting: its root is taken out while the machine is off. */
async function slotThatStopsBooting(site: Site, id: string, machine: FaultMachine, disk: string): Promise<Recovery> {
  await deployToAll(site, await site.publishSystem('1.1.0'));
  await deviceUntil(site, id, (device) => isBack(device, '1.1.0', '1.0.0'), LIMIT_MS, 'system 1.1.0');
  await machine.emulator.stop();
  await runTool('mdel', ['-i', `${disk}@@${(SLOT_A_MIB + SLOT_MIB) * MIB}`, '::/rootfs.sqfs']);
  const started = performance.now();
  const next = await startMachine(site, disk, 'fallback');
  try {
    let reason = '';
    await deviceUntil(
      site,
      id,
      (device) => {
        reason = device.updates.find((update) => update.state === 'failed' && update.version === '1.1.0')?.reason ?? '';
        return reason !== '' && isBack(device, '1.0.0', '1.0.0');
      },
      LIMIT_MS,
      'the other slot',
    );
    return { name: 'confirmed slot that stops booting', seconds: (performance.now() - started) / 1000, reason };
  } finally {
    await next.emulator.stop();
  }
}

/** Gives each bad release to one device in QEMU and measures the time until the old one is healthy again. */
export async function measureRecovery(
  only: string,
  say: (line: string) => void,
  limitMs = LIMIT_MS,
): Promise<Recovery[]> {
  const work = createWorkFolder();
  const site = await openSite(work.path, say);
  const rows: Recovery[] = [];
  const note = (row: Recovery): void => {
    rows.push(row);
    say(`${row.name}: ${row.seconds.toFixed(1)} s: ${row.reason}`);
  };
  let machine: FaultMachine | null = null;
  let storms: StormControl | null = null;
  try {
    const disk = join(site.folder, 'disk.img');
    await copyDisk(await site.system('image', '1.0.0'), disk, MEDIUM_BYTES);
    await putFleetFile(disk, site.fleetFile);
    machine = await startMachine(site, disk, 'recovery');
    storms = await controlStorms(machine.emulator.qmp, say);
    await deployToAll(site, await site.app('1.0.0'));
    const found = () => site.devices().then(([device]) => device?.id ?? null);
    const id = await site.operator.changes.until(found, (seen) => seen !== null, LIMIT_MS, 'a device', String);
    await deviceUntil(site, id as string, (device) => isBack(device, '1.0.0', '1.0.0'), LIMIT_MS, 'hello 1.0.0');
    const chosen = BAD.filter(({ name }) => name.includes(only));
    for (const [index, bad] of chosen.entries())
      note(await recover(site, id as string, bad, `2.${index}.0`, { stormPort: storms.port, limitMs }));
    if ('confirmed slot that stops booting'.includes(only))
      note(await slotThatStopsBooting(site, id as string, machine, disk));
    return rows;
  } catch (error) {
    say(machine?.emulator.console.tail(25) ?? '');
    throw error;
  } finally {
    storms?.close();
    await machine?.emulator.stop();
    await site.close();
    work.remove();
  }
}

/** `npm run bench -- recovery [--only part of a name]` */
export async function main(words: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...words], options: { only: { type: 'string', default: '' } } });
  const rows = await measureRecovery(values.only, (line) => void process.stderr.write(`${line}\n`));
  const lines = rows.map(
    ({ name, seconds, reason }) => `| ${name} | ${seconds.toFixed(1)} | ${reason.replaceAll('|', '\\|')} |`,
  );
  process.stdout.write(
    `\n| bad release | seconds to the old one, healthy | what the device says |\n|---|--:|---|\n${lines.join('\n')}\n`,
  );
}
