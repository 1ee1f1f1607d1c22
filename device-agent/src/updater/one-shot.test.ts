import assert from 'node:assert/strict';
import { afterEach, describe, test } from 'node:test';
import type { BootChain } from '@nodeos/contracts/boot-chain.ts';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { systemTargetPath } from '@nodeos/contracts/release.ts';
import { desired, TestDevice, until } from './device.test-support.ts';
import { BOARD, slotImage } from './slot-image.test-support.ts';

/** What each chain is told for one boot of the other slot. */
const WORDS: Readonly<Record<BootChain, string>> = { grub: 'reboot', raspberrypi: 'tryboot', 'u-boot': 'reboot' };
let device: TestDevice;
afterEach(() => device.dispose());

const systems = () => device.updater.updates().filter(({ lane }) => lane === 'system');

/** A device whose new system is about to be tried. */
async function prepare(chain: BootChain): Promise<void> {
  device = new TestDevice('nothing lost', undefined, { chain, trial: 'one-shot' });
  device.publishSystem('1.1.0');
  await device.coldBoot();
  await until(() => device.pointer.readAttempts() === 0, 'a healthy boot');
  device.updater.apply(desired({}, '1.1.0'));
  assert.equal(await device.ended, 'reboot');
  assert.equal(device.words.at(-1), WORDS[chain]);
  assert.equal(device.loadedCommandLine, null, 'no kernel is jumped into');
  assert.equal(device.pointer.read(), 'a');
}

for (const chain of ['grub', 'raspberrypi', 'u-boot'] as const) {
  describe(chain, () => {
    test('the other slot is taken once, and moves the pointer when it is confirmed', async () => {
      await prepare(chain);
      await device.coldBoot();
      assert.deepEqual([device.slot, device.version, device.trial], ['b', '1.1.0', 240]);
      await until(() => !device.updater.onTrial, 'the confirmation');
      assert.equal(device.pointer.read(), 'b');
      assert.equal(systems()[0]?.state, 'confirmed');
      await device.coldBoot();
      assert.deepEqual([device.version, device.trial], ['1.1.0', 0]);
    });

    test('a trial that ends without a word is back in the old slot with the next boot', async () => {
      await prepare(chain);
      await device.boot('b', 240);
      await device.coldBoot();
      if (chain !== 'raspberrypi') {
        // The word was still on the disk: boot() above went past the boot loader.
        assert.equal(device.slot, 'b');
        await device.coldBoot();
      }
      assert.deepEqual([device.slot, device.version, device.trial], ['a', '1.0.0', 0]);
    });

    test('gates that stay shut lead back, with the reason', async () => {
      await prepare(chain);
      device.spoilTrials = true;
      device.limits = { ...device.limits, systemGatesTimeoutMs: 20 };
      await device.coldBoot();
      assert.equal(await device.ended, 'reboot');
      await device.coldBoot();
      assert.deepEqual([device.slot, device.trial], ['a', 0]);
      assert.match(systems()[0]?.reason ?? '', /TRIAL_FAILED: .*the server was not reached/);
    });

    test('an agent that starts again before the restart takes the word back and gives it again', async () => {
      await prepare(chain);
      const words = device.words.length;
      await device.restartAgent(0);
      device.updater.apply(desired({}, '1.1.0'));
      await until(() => device.words.length > words, 'the second try');
      assert.equal(device.words.at(-1), WORDS[chain]);
      await device.coldBoot();
      assert.deepEqual([device.slot, device.trial], ['b', 240]);
    });

    test('a release for another boot loader is refused before anything is written', async () => {
      device = new TestDevice('nothing lost', undefined, { chain, trial: 'one-shot' });
      const foreign = slotImage('1.1.0', device.repository.root, {
        boot: { chain: chain === 'grub' ? 'u-boot' : 'grub', trial: 'kexec' },
      });
      device.publishSystem('1.1.0', foreign);
      await device.coldBoot();
      const before = device.slotBytes('b');
      device.updater.apply(desired({}, '1.1.0'));
      await until(() => systems()[0]?.state === 'failed', 'the refusal');
      assert.match(systems()[0]?.reason ?? '', /^RELEASE_INCOMPATIBLE: .*is for/);
      assert.ok(device.slotBytes('b').equals(before));
      assert.ok(systems()[0]?.target === systemTargetPath(BOARD, '1.1.0'));
    });

    test('the slot of every cold boot cannot be taken once', async () => {
      device = new TestDevice('nothing lost', undefined, { chain, trial: 'one-shot' });
      const refused = (error: unknown) => isNodeosError(error) && error.code === 'INPUT_INVALID';
      await assert.rejects(device.pointer.takeOnce('a'), refused);
    });
  });
}

for (const chain of ['grub', 'u-boot'] as const) {
  test(`${chain}: a word that is taken back leaves the pointer’s slot for the next boot`, async () => {
    await prepare(chain);
    await device.restartAgent(0);
    await device.coldBoot();
    assert.deepEqual([device.slot, device.trial], ['a', 0]);
  });

  test(`${chain}: a slot that stops booting three times gives way to the other`, async () => {
    device = new TestDevice('nothing lost', undefined, { chain, trial: 'one-shot' });
    device.serverUp = false;
    device.time = { delay: () => new Promise(() => {}) };
    for (let boot = 0; boot < 3; boot++) {
      await device.coldBoot();
      assert.equal(device.slot, 'a');
    }
    assert.equal(device.pointer.readAttempts(), 3);
    await device.coldBoot();
    assert.equal(device.slot, 'b');
  });
}
