import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TestRepository } from '../trust/repository.test-support.ts';
import { type DeviceKind, desired, TestDevice, until } from './device.test-support.ts';
import type { Losses } from './fault-disk.test-support.ts';

const WANTED = desired({ hello: '2.0.0' }, '1.1.0', 'd2', 2);
/** What is published names its boot loader. */
const repositories = new Map<string | undefined, TestRepository>();

function repository(chain: string | undefined): TestRepository {
  const known = repositories.get(chain) ?? new TestRepository();
  repositories.set(chain, known);
  return known;
}

interface Life {
  readonly device: TestDevice;
  readonly calls: number;
}

/** A device with hello 1.0.0 on system 1.0.0 is told to run 2.0.0 on 1.1.0; the power goes at one call. */
async function live(
  losses: Losses,
  cutAfter: number,
  spoil: (device: TestDevice) => void,
  kind: DeviceKind,
): Promise<Life> {
  const device = new TestDevice(losses, repository(kind.chain), kind);
  device.publishAll();
  await device.coldBoot();
  await device.deploy({ hello: '1.0.0' });
  await device.updater.acknowledge(device.updater.updates());
  await until(() => device.pointer.readAttempts() === 0, 'a healthy boot');
  spoil(device);
  const before = device.disk.calls;
  device.disk.cutAt = before + cutAfter;
  for (let boot = 0; boot < 8; boot++) {
    device.updater.apply(WANTED);
    const how = await Promise.race([device.ended, settled(device)]);
    if (how === 'settled') return { device, calls: device.disk.calls - before };
    if (device.disk.failing) await device.disk.unplug();
    requireOldOrNew(device);
    if (how === 'kexec' && !device.disk.dead) await device.trialBoot();
    else await device.coldBoot();
    requireOldOrNew(device);
  }
  throw new Error('the device does not come to rest');
}

/** Resolves when both updates have ended and nothing is under way. */
async function settled(device: TestDevice): Promise<'settled' | 'cut'> {
  const done = (lane: string) =>
    device.updater.updates().some((status) => status.lane === lane && /confirmed|failed/.test(status.state));
  const updater = device.updater;
  await until(
    () => updater !== device.updater || device.disk.failing || (!updater.onTrial && done('app') && done('system')),
    'the end',
  );
  // The last run may still be tidying up; a cut may fall there too.
  const calls = () => device.disk.calls;
  for (let last = -1; last !== calls(); ) {
    last = calls();
    await new Promise((resolve) => setTimeout(resolve, 6));
  }
  return device.disk.failing ? 'cut' : 'settled';
}

/** What a cold boot would take is a whole known system, and the app that would start is a whole known version. */
function requireOldOrNew(device: TestDevice): void {
  const pointer = device.pointer.read();
  assert.ok(['1.0.0', '1.1.0'].includes(device.wholeSystem(pointer) ?? 'nothing whole'), `slot ${pointer}`);
  const files = ['state.json', 'state.json.bak'].map((name) => join(device.stateDir, name)).filter(existsSync);
  assert.ok(files.length > 0, 'no state is left');
  const states = files.flatMap((file) => {
    try {
      return [JSON.parse(readFileSync(file, 'utf8'))];
    } catch {
      return [];
    }
  });
  assert.ok(states.length > 0, 'no whole state is left');
  const { hello } = states[0].apps;
  assert.ok(['1.0.0', '2.0.0'].includes(hello.manifest.version));
  const bundle = readFileSync(join(device.stateDir, 'bundles', `${hello.sha256}.sqfs`));
  assert.equal(createHash('sha256').update(bundle).digest('hex'), hello.sha256);
}

async function walk(
  losses: Losses,
  step: number,
  spoil: (device: TestDevice) => void,
  check: (device: TestDevice) => void,
  kind: DeviceKind = {},
) {
  const whole = await live(losses, Number.POSITIVE_INFINITY, spoil, kind);
  check(whole.device);
  whole.device.dispose();
  assert.ok(whole.calls > 40, `only ${whole.calls} calls`);
  for (let cut = 1; cut <= whole.calls; cut += step) {
    const { device } = await live(losses, cut, spoil, kind).catch((error) => {
      throw new Error(`cut at call ${cut} of ${whole.calls}: ${error.stack}`);
    });
    requireOldOrNew(device);
    assert.equal(device.apps.running.size, 1);
    check(device);
    device.dispose();
  }
}

const STEP = Number(process.env.NODEOS_CUT_STEP ?? 1);

function requireUpdated(device: TestDevice): void {
  const app = device.runningVersion();
  const status = (lane: string) => device.updater.updates().find((update) => update.lane === lane);
  assert.equal(app, '2.0.0', JSON.stringify(device.updater.updates()));
  // A cut during the trial ends it without a word; the release is tried once more.
  assert.equal(status('system')?.state, 'confirmed', JSON.stringify(device.updater.updates()));
  assert.equal(device.version, '1.1.0');
  assert.equal(device.wholeSystem(device.pointer.read()), device.version);
}

for (const losses of ['nothing lost', 'unsynced lost'] as const) {
  test(`power cut at every write of an app and a system update (${losses}): old or new, never a third`, async () => {
    await walk(losses, STEP, () => {}, requireUpdated);
  });
}

for (const chain of ['grub', 'raspberrypi', 'u-boot'] as const) {
  test(`power cut at sampled writes where the other slot is taken once by ${chain}`, async () => {
    await walk('unsynced lost', STEP * 3, () => {}, requireUpdated, { chain, trial: 'one-shot' });
  });
}

test('power cut at every write of a rollback: the old version of both, with reasons', async () => {
  const spoil = (device: TestDevice) => {
    device.apps.broken.add('2.0.0');
    device.spoilTrials = true;
    device.limits = { ...device.limits, systemGatesTimeoutMs: 20 };
  };
  await walk('unsynced lost', STEP, spoil, (device) => {
    assert.equal(device.runningVersion(), '1.0.0');
    assert.equal(device.version, '1.0.0');
    assert.equal(device.pointer.read(), 'a');
    for (const update of device.updater.updates()) assert.equal(update.state, 'failed');
  });
});
