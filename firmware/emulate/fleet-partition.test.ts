import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { runTool } from '../run-tool.ts';
import { bootPartitionOffset, putFleetFile, readBootFile } from './fleet-partition.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-fleet-'));
after(() => rmSync(folder, { recursive: true }));
const fleet = {
  server: 'https://10.0.2.2:8443',
  broker: 'mqtts://10.0.2.2:8883',
  ca: '-----BEGIN CERTIFICATE-----\n',
  claimToken: 'a-claim-token',
};

test('a fleet file is written on the first partition, also over an older one, and read back', async () => {
  const disk = join(folder, 'disk.img');
  const mbr = Buffer.alloc(512);
  mbr.writeUInt32LE(8192, 446 + 8);
  mbr.writeUInt16LE(0xaa55, 510);
  const image = Buffer.alloc(4_194_304 + 33_554_432);
  mbr.copy(image);
  writeFileSync(disk, image);
  await runTool('mkfs.vfat', ['--offset', '8192', '-F', '16', disk, '32768']);
  assert.equal(await bootPartitionOffset(disk), 4_194_304);
  await putFleetFile(disk, fleet);
  await putFleetFile(disk, { ...fleet, hostname: 'kiosk' });
  assert.deepEqual(JSON.parse((await readBootFile(disk, '/fleet.json')).toString()), { ...fleet, hostname: 'kiosk' });
});

test('what is no disk image is refused by name', async () => {
  const file = join(folder, 'text');
  writeFileSync(file, 'no image');
  await assert.rejects(bootPartitionOffset(file), /text is no disk image/);
  await assert.rejects(bootPartitionOffset(join(folder, 'missing')), /cannot be read/);
});
