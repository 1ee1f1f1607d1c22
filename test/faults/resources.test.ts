import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyDisk } from '@nodeos/firmware/emulate/disk-copy.ts';
import { putFleetFile } from '@nodeos/firmware/emulate/fleet-partition.ts';
import { createWorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import { startMachine } from './qemu/machine.ts';
import { deployToAll, deviceUntil, openSite } from './qemu/site.ts';

const MIB = 1_048_576;
const DATA_MIB = 292;
const LIMIT_MS = 300_000;
/** The smallest machine that is promised to work. */
const MEMORY_MIB = 128;

test('128 MB of memory, then a data partition beyond repair: RAM, the same device, made anew on command', async (t) => {
  const work = createWorkFolder();
  const site = await openSite(work.path, (line) => t.diagnostic(line));
  t.after(async () => {
    await site.close();
    work.remove();
  });
  const disk = join(site.folder, 'disk.img');
  await copyDisk(await site.system('image', '1.0.0'), disk, 512 * MIB);
  await putFleetFile(disk, site.fleetFile);

  const first = await startMachine(site, disk, 'small', MEMORY_MIB);
  await deployToAll(site, await site.app('1.0.0'));
  const found = () => site.devices().then(([device]) => device?.id ?? null);
  const id = (await site.operator.changes.until(
    found,
    (seen) => seen !== null,
    LIMIT_MS,
    'a device',
    String,
  )) as string;
  const running = (device: { online: boolean; apps: Record<string, { state: string }> }) =>
    device.online && device.apps.hello?.state === 'running';
  const healthy = await deviceUntil(site, id, running, LIMIT_MS, 'the app in a small machine');
  await first.emulator.stop();
  assert.equal(healthy.report?.dataStore, 'disk');

  const file = await open(disk, 'r+');
  const { size } = await file.stat();
  // Every copy of the superblock and every table is gone: there is nothing to repair from.
  for (let at = DATA_MIB * MIB; at < size; at += MIB) await file.write(Buffer.alloc(MIB, 0x5a), 0, MIB, at);
  await file.close();
  const second = await startMachine(site, disk, 'damaged');
  t.after(() => second.emulator.stop());
  const inRam = await deviceUntil(
    site,
    id,
    // Report and event come one after the other.
    ({ online, report, events }) =>
      online && report?.dataStore === 'ram' && events.some(({ text }) => /data lies in RAM/.test(text)),
    LIMIT_MS,
    'data in RAM, and why',
  );
  assert.equal((await site.devices()).length, 1, 'another identity');
  await deviceUntil(site, id, running, LIMIT_MS, 'the app in RAM');
  await site.operator.client.send('POST', `/devices/${id}/reformat-data`, {});
  const mended = await deviceUntil(
    site,
    id,
    (device) => running(device) && device.report?.dataStore === 'disk' && device.report.bootId !== inRam.report?.bootId,
    LIMIT_MS,
    'data on the disk again',
  );
  assert.equal(mended.serial, healthy.serial);
});
