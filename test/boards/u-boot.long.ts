import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  encodeUBootRecord,
  U_BOOT_RECORD_BYTES,
  U_BOOT_RECORD_OFFSETS,
  type UBootRecord,
} from '@nodeos/contracts/u-boot-environment.ts';
import { listBoards } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { build, sharedCache } from '../support/build.ts';
import { cannotEmulate } from './life.ts';

const MIB = 1_048_576;
const SLOT_A = 36 * MIB;
const SLOT_B = 164 * MIB;
const START_LIMIT_MS = 240_000;
const HEALTHY: UBootRecord = { sequence: 7, slot: 'a', once: null, attempts: 0 };

/** A start by the processor's own boot code, SPL, U-Boot and our script, up to the moment when the kernel begins. */
interface Start {
  /** Slots in the order in which they were tried. */
  readonly slots: readonly string[];
  /** What U-Boot's own tool reads in each record afterwards; null where it finds none. */
  readonly records: readonly (Readonly<Record<string, string>> | null)[];
}

for (const { name, boot, emulate } of await listBoards()) {
  if (boot.chain !== 'u-boot' || emulate === null) continue;
  const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-u-boot-'));
  const image = join(folder, 'both-slots.img');
  after(() => rmSync(folder, { recursive: true }));

  const start = async (change: (disk: string) => Promise<void>): Promise<Start> => {
    const disk = join(folder, 'changed.img');
    cpSync(image, disk);
    await change(disk);
    const machine = await bootImage({ emulate, image: disk, folder, cacheRoot: sharedCache() });
    try {
      const { console } = machine.emulator;
      await console.expect(/^Starting kernel|no slot can be started/, START_LIMIT_MS, 'expected a kernel to begin');
      const said = console.lines.map(({ text }) => /^NodeOS: slot ([ab])/.exec(text)?.[1] ?? []);
      await machine.emulator.stop();
      return { slots: said.flat(), records: await readRecords(machine.disk) };
    } finally {
      await machine.emulator.stop();
    }
  };

  describe(`${name}: what U-Boot starts`, async () => {
    const skip = await cannotEmulate(name);
    before(async () => {
      const { files } = await build(['--board', name, '--out', folder]);
      cpSync(files.image as string, image);
      await put(image, await readFile(files.slot as string), SLOT_B);
    });

    test('the slot of the pointer, and counts it in the older record', { skip }, async () => {
      const { slots, records } = await start(async (disk) => {
        await putRecords(disk, { ...HEALTHY, slot: 'b' }, { ...HEALTHY, sequence: 6 });
      });
      assert.deepEqual(slots, ['b']);
      assert.deepEqual(records[1], said({ sequence: 8, slot: 'b', once: null, attempts: 1 }));
      assert.deepEqual(records[0], said({ ...HEALTHY, slot: 'b' }));
    });

    test('the other slot once, after it has taken that out of the record', { skip }, async () => {
      const { slots, records } = await start((disk) => putRecords(disk, { ...HEALTHY, once: 'b' }, null));
      assert.deepEqual(slots, ['b']);
      assert.deepEqual(records[1], said({ ...HEALTHY, sequence: 8 }));
    });

    test('the slot of the whole record where the newer one is torn', { skip }, async () => {
      const torn = encodeUBootRecord({ ...HEALTHY, sequence: 9, slot: 'b' });
      torn.fill(0xff, U_BOOT_RECORD_BYTES / 2);
      const { slots } = await start(async (disk) => {
        await putRecords(disk, HEALTHY, null);
        await put(disk, torn, U_BOOT_RECORD_OFFSETS[1]);
      });
      assert.deepEqual(slots, ['a']);
    });

    test('slot a where both records are lost', { skip }, async () => {
      const { slots, records } = await start((disk) => putRecords(disk, null, null));
      assert.deepEqual(slots, ['a']);
      assert.deepEqual(records[0], said({ sequence: 1, slot: 'a', once: null, attempts: 1 }));
    });

    test('the other slot after three starts, with the pointer as it was', { skip }, async () => {
      const { slots, records } = await start((disk) => putRecords(disk, { ...HEALTHY, attempts: 3 }, null));
      assert.deepEqual(slots, ['b']);
      assert.deepEqual(records[1], said({ ...HEALTHY, sequence: 8 }));
    });

    test('the other slot where the first has no kernel', { skip }, async () => {
      const { slots } = await start((disk) =>
        runTool('mdel', ['-i', `${disk}@@${SLOT_A}`, '::/kernel']).then(() => undefined),
      );
      assert.deepEqual(slots, ['b']);
    });
  });
}

async function put(disk: string, bytes: Buffer, offset: number): Promise<void> {
  const file = await open(disk, 'r+');
  await file.write(bytes, 0, bytes.length, offset);
  await file.close();
}

async function putRecords(disk: string, ...records: readonly (UBootRecord | null)[]): Promise<void> {
  for (const [index, offset] of U_BOOT_RECORD_OFFSETS.entries()) {
    const record = records[index];
    await put(disk, record ? encodeUBootRecord(record) : Buffer.alloc(U_BOOT_RECORD_BYTES), offset);
  }
}

async function readRecords(disk: string): Promise<Start['records']> {
  const records = U_BOOT_RECORD_OFFSETS.map(async (offset) => {
    const config = `${disk}.${offset}.config`;
    writeFileSync(config, `${disk} 0x${offset.toString(16)} 0x${U_BOOT_RECORD_BYTES.toString(16)}\n`);
    const { stdout, code } = await runTool('fw_printenv', ['-c', config], { okCodes: [0, 1, 243] });
    const pairs = stdout.toString().trim().split('\n');
    return code === 0 ? Object.fromEntries(pairs.map((line) => line.split('=') as [string, string])) : null;
  });
  return Promise.all(records);
}

/** A record as U-Boot's own tool prints it. */
function said({ sequence, slot, once, attempts }: UBootRecord): Record<string, string> {
  return {
    nodeos_attempts: attempts.toString(16),
    nodeos_once: once ?? 'none',
    nodeos_sequence: sequence.toString(16),
    nodeos_slot: slot,
  };
}
