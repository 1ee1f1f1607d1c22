import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { BootFacts } from '@nodeos/contracts/boot-facts.ts';
import { type ErrorCode, isNodeosError } from '@nodeos/contracts/errors.ts';
import type { NativeCalls } from '../ports.ts';
import { systemDisk } from '../updater/disk.ts';
import { slotImage } from '../updater/slot-image.test-support.ts';
import { otherSlot, requireSlotContent, slotPartition } from './slot.ts';
import { loadTrial, trialCommandLine } from './trial.ts';

const { bytes, manifest } = slotImage('1.1.0', Buffer.from('{}'));
let folder: string;
let facts: BootFacts;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nodeos-trial-'));
  writeFileSync(join(folder, 'slot-b'), bytes);
  facts = {
    slot: 'a',
    disk: '',
    disk_id: '0123abcd',
    boot_part: '',
    slot_a_part: join(folder, 'slot-a'),
    slot_b_part: join(folder, 'slot-b'),
    data_part: '',
    data: 'disk',
    data_note: '',
    grown: true,
    trial: 0,
    watchdog: false,
  };
});
afterEach(() => rmSync(folder, { recursive: true }));

function load(
  kexecFileLoad: NativeCalls['kexecFileLoad'],
  with_ = manifest,
  makeRoom = async (): Promise<void> => {},
): Promise<void> {
  const native = { kexecFileLoad, setClock: () => {}, trimMemory: () => {}, alignedBuffer: Buffer.alloc };
  const options = { disk: systemDisk, native, facts, slot: 'b', runDir: folder, trialTimeoutSeconds: 240 } as const;
  return loadTrial({ ...options, manifest: with_, makeRoom });
}
const coded = (code: ErrorCode, text: RegExp) => (error: unknown) =>
  isNodeosError(error) && error.code === code && text.test(error.message);

test('where there is no memory for the kernel, room is made and it is tried again, but not for ever', async () => {
  let attempts = 0;
  let rooms = 0;
  const noMemory = (): Error => Object.assign(new Error('kexec_file_load: no memory (ENOMEM)'), { code: 'ENOMEM' });
  const makeRoom = async (): Promise<void> => void rooms++;
  await load(
    () => {
      if (++attempts < 3) throw noMemory();
    },
    manifest,
    makeRoom,
  );
  assert.deepEqual([attempts, rooms], [3, 2]);
  const never = (): void => {
    throw noMemory();
  };
  await assert.rejects(load(never, manifest, makeRoom), coded('KEXEC_FAILED', /ENOMEM/));
  assert.equal(rooms, 5);
});

test('the slot’s own kernel and initramfs are loaded with the trial’s words', async () => {
  let seen = false;
  await load((kernel, initramfs, commandLine) => {
    seen = true;
    assert.ok(readFileSync(kernel).equals(Buffer.alloc(150_000, 'kernel 1.1.0 ')));
    assert.ok(readFileSync(initramfs).equals(Buffer.alloc(20_000, 'initramfs 1.1.0 ')));
    assert.equal(commandLine, 'console=ttyS0 quiet nodeos.disk=0123abcd nodeos.slot=b nodeos.trial=240');
  });
  assert.ok(seen);
  assert.deepEqual(readdirSync(folder), ['slot-b']);
  assert.equal(
    trialCommandLine({ ...manifest, commandLine: '' }, 'ff', 'a', 1),
    'nodeos.disk=ff nodeos.slot=a nodeos.trial=1',
  );
});

test('a kernel that the running one does not take is an error with its reason', async () => {
  const refuse = () => {
    throw new Error('kexec_file_load: Exec format error (ENOEXEC)');
  };
  await assert.rejects(load(refuse), coded('KEXEC_FAILED', /ENOEXEC/));
  assert.deepEqual(readdirSync(folder), ['slot-b']);
});

test('a kernel that changed in the slot is not loaded', async () => {
  const damaged = Buffer.from(bytes);
  const at = damaged.indexOf('kernel 1.1.0 ', 4096);
  damaged.write('K', at);
  writeFileSync(join(folder, 'slot-b'), damaged);
  await assert.rejects(
    load(() => assert.fail('it was loaded')),
    coded('HASH_MISMATCH', /kernel/),
  );
  assert.deepEqual(readdirSync(folder), ['slot-b']);
});

test('a manifest without a kernel is no system', async () => {
  await assert.rejects(
    load(() => {}, { ...manifest, files: {} }),
    coded('RELEASE_INCOMPATIBLE', /names no kernel/),
  );
});

test('a slot’s content must be what was signed', () => {
  const partition = slotPartition(facts, otherSlot('a'));
  requireSlotContent(partition, manifest);
  assert.throws(
    () => requireSlotContent(partition, { ...manifest, buildTime: 1 }),
    coded('RELEASE_INCOMPATIBLE', /signed/),
  );
  const files = { ...manifest.files, kernel: { bytes: 1, sha256: '0'.repeat(64) } };
  assert.throws(() => requireSlotContent(partition, { ...manifest, files }), coded('RELEASE_INCOMPATIBLE', /signed/));
  writeFileSync(partition, Buffer.alloc(1_048_576));
  assert.throws(() => requireSlotContent(partition, manifest), coded('INPUT_INVALID', /not a whole FAT/));
});
