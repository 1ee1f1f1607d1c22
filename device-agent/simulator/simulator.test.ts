import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deviceMetricsSchema } from '@nodeos/contracts/metrics.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import fc from 'fast-check';
import type * as z from 'zod';
import { openStateStore } from '../src/state.ts';
import { systemDisk, writeDurably } from '../src/updater/disk.ts';
import { characterOf } from './character.ts';
import { Machine, simulatedMetrics } from './machine.ts';
import { createMemoryDisk } from './memory-disk.ts';
import { type Profile, profileSchema } from './profile.ts';
import { createSink } from './trust.ts';

const profileOf = (change: z.input<typeof profileSchema>): Profile =>
  validate(profileSchema as z.ZodType<Profile>, change, 'profile');

test('a profile needs nothing, and what is wrong in it is named', () => {
  assert.deepEqual(profileOf({}).faults.bad, []);
  assert.throws(() => profileOf({ faults: { install: 2 } }), { code: 'INPUT_INVALID', message: /faults.install/ });
  assert.throws(() => profileOf({ bootMs: [5, 1] }), { code: 'INPUT_INVALID', message: /bootMs/ });
  assert.throws(() => profileOf({ faults: { bad: [{ release: 'hello', rate: 1 }] } }), /not a release/);
});

test('characters are the same again for the same seed, and as many are bad as the profile says', () => {
  const profile = profileOf({
    boards: { pc: 3, pi: 1 },
    timeZones: ['UTC', 'Europe/Berlin'],
    faults: { bad: [{ release: 'hello@2.0.0', rate: 0.25 }], slow: { rate: 0.1, times: 4 } },
  });
  const all = Array.from({ length: 2000 }, (_, index) => characterOf(profile, 'seed', index));
  const share = (of: (one: (typeof all)[number]) => boolean) => all.filter(of).length / all.length;
  const close = (value: number, wanted: number) =>
    assert.ok(Math.abs(value - wanted) < 0.05, `${value}, not ${wanted}`);
  close(
    share(({ board }) => board === 'pc'),
    0.75,
  );
  close(
    share(({ timeZone }) => timeZone === 'UTC'),
    0.5,
  );
  close(
    share(({ times }) => times === 4),
    0.1,
  );
  close(
    share((one) => one.isBad('hello@2.0.0')),
    0.25,
  );
  assert.equal(
    share((one) => one.isBad('hello@1.0.0')),
    0,
  );
  const again = characterOf(profile, 'seed', 7);
  assert.deepEqual([again.board, again.installMs], [all[7]?.board, all[7]?.installMs]);
  assert.notEqual(characterOf(profile, 'other', 7).installMs, again.installMs);
});

test('metrics follow from the character and the time, differ between devices, and are those of a real board', () => {
  const profile = profileOf({ faults: { slow: { rate: 0.1, times: 10 } } });
  const at = (index: number, uptimeSeconds: number) =>
    simulatedMetrics(characterOf(profile, 'seed', index), uptimeSeconds);
  assert.deepEqual(at(7, 900), at(7, 900));
  assert.notDeepEqual(at(7, 900), at(7, 1800));
  assert.notDeepEqual(at(7, 900), at(8, 900));
  for (let index = 0; index < 200; index++)
    for (const uptimeSeconds of [0, 0.5, 900, 2700, 86_400 * 400]) {
      const { load, temperature, eventLoopDelayMs } = validate(
        deviceMetricsSchema,
        at(index, uptimeSeconds),
        'metrics',
      );
      assert.ok(load.one < 4 && temperature !== null && temperature > 20 && temperature < 85);
      assert.ok(
        eventLoopDelayMs && eventLoopDelayMs.mean < eventLoopDelayMs.p99 && eventLoopDelayMs.p99 < eventLoopDelayMs.max,
      );
    }
});

test('the disk in RAM does what a disk does, as far as the engine asks', async () => {
  const disk = createMemoryDisk();
  await assert.rejects(disk.readFile('/none'), { code: 'ENOENT' });
  await assert.rejects(disk.open('/none', 'r+'), { code: 'ENOENT' });
  assert.equal(await disk.size('/none'), null);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(40), fc.uint8Array({ maxLength: 20 })), { maxLength: 8 }),
      async (writes) => {
        await writeDurably(disk, '/f', 'start');
        const expected = [...Buffer.from('start')];
        const file = await disk.open('/f', 'r+');
        for (const [position, bytes] of writes) {
          await file.write(bytes, position);
          if (bytes.length > 0 || position > expected.length) while (expected.length < position) expected.push(0);
          for (const [index, byte] of bytes.entries()) expected[position + index] = byte;
        }
        assert.deepEqual([...(await disk.readFile('/f'))], expected);
      },
    ),
  );
  await disk.rename('/f', '/folder/g');
  assert.deepEqual([await disk.list('/folder'), await disk.size('/f')], [['g'], null]);
  const store = await openStateStore(disk, '/state');
  await store.update((state) => ({ ...state, failed: { t: { deployment: null, reason: 'why' } } }));
  assert.equal((await openStateStore(disk, '/state')).state.failed.t?.reason, 'why');
  assert.notEqual(disk, systemDisk);
});

test('a machine jumps into what was loaded, and comes back to the pointer’s slot', async () => {
  const profile = profileOf({ bootMs: [0, 0], faults: { bad: [{ release: 'system@3.0.0', rate: 1 }] } });
  const machine = new Machine(profile, characterOf(profile, 'seed', 0));
  const { signal } = new AbortController();
  const system = (version: string) => ({ ...machine.coldBoot().manifest, version });
  machine.writeSlot('b', system('2.0.0'));
  machine.load('b');
  const trial = await machine.next('kexec', signal);
  assert.deepEqual([trial.manifest.version, trial.facts.slot, trial.facts.trial > 0], ['2.0.0', 'b', true]);
  assert.equal((await machine.next('reboot', signal)).manifest.version, '1.0.0', 'not confirmed');
  await machine.pointer.confirm('b');
  assert.equal((await machine.next('reboot', signal)).manifest.version, '2.0.0');
  machine.writeSlot('a', system('3.0.0'));
  machine.load('a');
  const back = await machine.next('kexec', signal);
  assert.deepEqual([back.manifest.version, back.facts.trial], ['2.0.0', 0]);
  assert.match(back.evidence ?? '', /panicked/);
});

test('a sink hashes what it forgets', async () => {
  const sink = createSink();
  await sink.append(Buffer.from('wrong'));
  await sink.discard();
  await sink.append(Buffer.from('a'));
  await sink.append(Buffer.from('bc'));
  assert.equal(sink.held, 3);
  // FIPS 180-2, appendix B.1.
  assert.equal(await sink.digest(), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
