import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bootFactsSchema, parseKeyValues } from './boot-facts.ts';
import { crc32 } from './crc32.ts';
import { decodeDeviceRecord, encodeDeviceRecord, newestDeviceRecord } from './device-record.ts';
import { describeError, isNodeosError } from './errors.ts';
import { fleetFileSchema } from './fleet-file.ts';
import { parseEnvironmentBlock, renderEnvironmentBlock } from './grub-environment.ts';
import { consistentTargetPath } from './release.ts';
import { parseJson, SEMVER_PATTERN } from './validate.ts';

test('CRC-32 gives the published check value', () => {
  assert.equal(crc32(Buffer.from('123456789')), 0xcbf43926);
});

test('device record: a torn copy is refused, the newer whole copy wins', () => {
  const older = encodeDeviceRecord(1, { serial: 'old' });
  const newer = encodeDeviceRecord(2, { serial: 'new' });
  assert.deepEqual(newestDeviceRecord([older, newer])?.payload, { serial: 'new' });
  newer[30] = (newer[30] as number) ^ 1;
  assert.equal(decodeDeviceRecord(newer), null);
  assert.deepEqual(newestDeviceRecord([older, newer])?.payload, { serial: 'old' });
  assert.equal(newestDeviceRecord([Buffer.alloc(512), Buffer.alloc(4)]), null);
});

test('environment block: 1024 bytes, all values in the first sector, values come back', () => {
  const block = renderEnvironmentBlock({ nodeos_slot: 'b' });
  assert.equal(block.length, 1024);
  assert.ok(block.subarray(512).every((byte) => byte === 0x23));
  assert.deepEqual(parseEnvironmentBlock(block), { nodeos_slot: 'b' });
  assert.throws(() => parseEnvironmentBlock(Buffer.alloc(1024)), /first line is missing/);
});

test('semantic versions: the examples of semver.org', () => {
  for (const good of ['0.0.4', '1.2.3', '1.0.0-alpha.1', '1.0.0+build.5', '2.0.0-rc.1+build.123'])
    assert.match(good, SEMVER_PATTERN);
  for (const bad of ['1', '1.2', '1.2.3-0123', '01.1.1', '1.2.3.DEV', 'v1.2.3', ''])
    assert.doesNotMatch(bad, SEMVER_PATTERN);
});

test('a fleet file with a wrong field is refused by name with a coded error', () => {
  assert.throws(
    () =>
      parseJson(
        fleetFileSchema,
        '{"server":"http://x","broker":"mqtts://x:1","ca":"x","claimToken":"short"}',
        'fleet.json',
      ),
    (error) =>
      isNodeosError(error) &&
      /server/.test(error.message) &&
      describeError(error).startsWith('INPUT_INVALID: fleet.json'),
  );
  assert.throws(() => parseJson(fleetFileSchema, '{', 'fleet.json'), /is not JSON/);
});

test('boot facts: init’s lines become typed values', () => {
  const text =
    'slot=a\ndisk=/dev/sda\ndisk_id=0123abcd\nboot_part=/dev/sda1\nslot_a_part=/dev/sda2\nslot_b_part=/dev/sda3\ndata_part=/dev/sda4\ndata=disk\ndata_note=\ngrown=1\ntrial=240\nwatchdog=0\n';
  const facts = bootFactsSchema.parse(parseKeyValues(text));
  assert.equal(facts.grown, true);
  assert.equal(facts.trial, 240);
});

test('consistent target paths put the hash before the file name', () => {
  assert.equal(consistentTargetPath('apps/hello/1.0.0/any.sqfs', 'ff'), 'apps/hello/1.0.0/ff.any.sqfs');
});
