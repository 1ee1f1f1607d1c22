import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { loadIdentity, storeCredentials } from '../identity.ts';
import { openSlotDestination } from '../slots/slot-destination.ts';
import { openStateStore } from '../state.ts';
import { openFileDestination } from '../trust/file-destination.ts';
import { type Disk, systemDisk, writeFileAtomically } from './disk.ts';
import { FaultDisk, type Losses, PowerCut } from './fault-disk.test-support.ts';

const PARENT = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(PARENT, 'nodeos-durable-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A change of what is kept: made from the old content, judged by what a cut leaves. */
interface Change {
  readonly prepare: () => Promise<void> | void;
  readonly work: (disk: Disk) => Promise<unknown>;
  /** @throws where what is left is neither old nor new */
  readonly look: () => Promise<'old' | 'new'>;
}

function cutOff(error: unknown): void {
  if (!(error instanceof PowerCut) && !((error as Error)?.cause instanceof PowerCut)) throw error;
}

/** Cuts at every operation, in every way; and once just after the work says that it is done. */
async function requireDurable(change: Change): Promise<void> {
  const run = async (losses: Losses, cutAt: number, seed: number): Promise<{ calls: number; left: 'old' | 'new' }> => {
    rmSync(folder, { recursive: true });
    mkdirSync(folder);
    await change.prepare();
    let state = seed;
    const fault = new FaultDisk(losses, () => {
      state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
      return state / 2_147_483_648;
    });
    const disk = fault.connect();
    fault.cutAt = cutAt;
    await change.work(disk).catch(cutOff);
    const { calls } = fault;
    if (!fault.failing) {
      fault.cutAt = calls + 1;
      await disk.syncFolder(folder).catch(cutOff);
    }
    await fault.unplug();
    return { calls, left: await change.look() };
  };
  const whole = await run('unsynced lost', Number.POSITIVE_INFINITY, 1);
  assert.equal(whole.left, 'new', 'it was done, and a power cut took it back');
  for (let at = 1; at <= whole.calls; at++)
    for (const losses of ['nothing lost', 'unsynced lost', 'some lost', 'torn sector'] as const)
      for (let seed = 1; seed <= (losses === 'some lost' ? 12 : 3); seed++) await run(losses, at, seed * 7 + at);
}

const oneOf = (content: Buffer, old: Buffer, next: Buffer): 'old' | 'new' => {
  if (content.equals(next)) return 'new';
  assert.ok(content.equals(old), `a third thing of ${content.length} bytes`);
  return 'old';
};

test('a file that is replaced is the old or the new one, and the new one once it is done', async () => {
  const [old, next] = [Buffer.alloc(3000, 'o'), Buffer.alloc(5000, 'n')];
  const path = () => join(folder, 'file');
  await requireDurable({
    prepare: () => writeFileSync(path(), old),
    work: (disk) => writeFileAtomically(disk, path(), next),
    look: async () => oneOf(readFileSync(path()), old, next),
  });
});

test('the state is the old or the new one, and the new one once it is done', async () => {
  const version = async () => (await openStateStore(systemDisk, folder)).state.system?.version;
  const set = async (disk: Disk, value: string) =>
    (await openStateStore(disk, folder)).update((state) => ({
      ...state,
      system: { version: value, target: 'systems/x', deployment: null },
    }));
  await requireDurable({
    prepare: async () => {
      await set(systemDisk, '1.0.0');
    },
    work: (disk) => set(disk, '2.0.0'),
    async look() {
      const found = await version();
      assert.ok(found === '1.0.0' || found === '2.0.0', `state of ${found}`);
      return found === '1.0.0' ? 'old' : 'new';
    },
  });
});

test('a bundle stands under its name whole or not at all, and stays once it is done', async () => {
  const content = Buffer.alloc(9000, 'b');
  const path = () => join(folder, 'bundle');
  await requireDurable({
    prepare: () => {},
    async work(disk) {
      const file = await openFileDestination(disk, path());
      try {
        await file.append(content.subarray(0, 4000));
        await file.append(content.subarray(4000));
        await file.digest();
        await file.complete();
      } finally {
        await file.close();
      }
    },
    look: async () => (existsSync(path()) ? oneOf(readFileSync(path()), content, content) : 'old'),
  });
});

test('a slot has its first block only where all of it is new, and keeps it once it is done', async () => {
  const bytes = 40_960;
  const [old, next] = [Buffer.alloc(bytes, 'o'), Buffer.alloc(bytes, 'n')];
  const path = () => join(folder, 'slot');
  const sha256 = createHash('sha256').update(next).digest('hex');
  await requireDurable({
    prepare: () => writeFileSync(path(), old),
    async work(disk) {
      const progressPath = join(folder, 'progress.json');
      const slot = await openSlotDestination({ disk, partition: path(), progressPath, length: bytes, sha256 });
      try {
        await slot.append(next);
        assert.equal(await slot.digest(), sha256);
        await slot.complete();
      } finally {
        await slot.close();
      }
    },
    async look() {
      const content = readFileSync(path());
      // A boot loader takes a slot by its first block; without it there is no file system.
      const head = content.subarray(0, 4096);
      const blank = head.includes(0);
      if (blank) return 'old';
      return oneOf(content, old, next);
    },
  });
});

test('a device record that was once given is kept, whichever copy is torn', async () => {
  const medium = () => join(folder, 'disk');
  let serial: string | null = null;
  await requireDurable({
    prepare() {
      serial = null;
      writeFileSync(medium(), Buffer.alloc(0x12_0000));
    },
    async work(disk) {
      serial = (await loadIdentity(medium(), folder, disk)).serial;
    },
    async look() {
      const found = (await loadIdentity(medium(), folder)).serial;
      if (serial !== null) assert.equal(found, serial);
      return serial === null ? 'old' : 'new';
    },
  });
});

test('a certificate never stands beside another authority than its own, and stays once it is stored', async () => {
  const elsewhere = mkdtempSync(join(PARENT, 'nodeos-durable-'));
  const identity = await loadIdentity(null, elsewhere);
  writeFileSync(join(elsewhere, 'key'), identity.privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const [old, next] = ['old', 'new'].map((name) =>
    execFileSync('openssl', ['req', '-x509', '-key', join(elsewhere, 'key'), '-subj', `/CN=${name}`], {
      encoding: 'utf8',
    }),
  ) as [string, string];
  rmSync(elsewhere, { recursive: true });
  const text = (name: string) => {
    const path = join(folder, 'identity', name);
    return existsSync(path) ? readFileSync(path, 'utf8') : null;
  };
  await requireDurable({
    prepare: async () => void (await storeCredentials(folder, identity, 'old authority', old)),
    work: (disk) => storeCredentials(folder, identity, 'new authority', next, disk),
    async look() {
      const authority = text('ca.pem');
      if (authority === 'new authority') assert.equal(text('cert.pem'), next);
      if (authority === 'old authority') assert.equal(text('cert.pem'), old);
      return authority === 'new authority' ? 'new' : 'old';
    },
  });
});
