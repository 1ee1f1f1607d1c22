import { STORY_LIMITS, type StoryContext } from '../context.ts';
import type { Device } from '../device.ts';
import { deploy, deviceUntil, outcomeOf, publish, readDevice } from '../operator.ts';
import { readPointer } from '../pointer.ts';
import { expectThat, megabytes, type StepOutcome, seconds } from '../reporter.ts';
import { type Outage, RequestLoop } from '../request-loop.ts';
import { buildSystem } from '../system-releases.ts';
import type { Fleet } from './start-fleet.ts';

/** A connection into a machine that is down hangs; this bounds how late its end is seen. */
const REQUEST_LIMIT_MS = 250;

export interface SystemOutages {
  readonly kexecMs: number;
  readonly coldMs: number;
}

/** Step 8: system 1.1.0 into the other slot, tried through kexec, confirmed; then a cold reboot of the same for comparison. */
export async function updateSystem(
  context: StoryContext,
  fleet: Fleet,
  device: Device,
  say: (text: string) => void,
): Promise<StepOutcome<SystemOutages>> {
  const { slot } = (await buildSystem(context, 'slot', '1.1.0', { root: fleet.root })).files;
  expectThat(slot !== undefined, 'a slot image', 'none');
  const published = await publish(fleet.operator, slot);
  const before = await readDevice(fleet.operator, device.id);
  const consoleFrom = device.emulator.console.position;
  const kexec = await watchOutage(context, device, async () => {
    const options = { limitMs: STORY_LIMITS.systemDeployMs, say };
    const deployment = await deploy(fleet.operator, published.target, device.id, options);
    const { state, reason } = outcomeOf(deployment);
    expectThat(deployment.state === 'done', 'system 1.1.0 confirmed', `${state} ${reason}`);
  });
  const after = await deviceUntil(
    fleet.operator,
    device.id,
    ({ report }) => report?.system.version === '1.1.0' && !report.system.trial,
    STORY_LIMITS.bootMs,
    'the device on 1.1.0, no trial any more',
  );
  const pointer = await readPointer(context.board, device);
  expectThat(
    pointer === 'b' && after.report?.system.slot === 'b',
    'slot b and the pointer at b',
    `${after.report?.system.slot}, ${pointer}`,
  );
  expectThat(before.report?.bootId !== after.report?.bootId, 'a new kernel', 'the same boot id');
  const firmware = device.emulator.console.find(/BdsDxe|NodeOS: slot/, consoleFrom);
  expectThat(
    firmware === null,
    'neither firmware nor boot loader between the two systems (kexec)',
    firmware?.text ?? '',
  );
  const cold = await coldReboot(context, fleet, device);
  const ratio = kexec.milliseconds / cold.milliseconds;
  return {
    value: { kexecMs: kexec.milliseconds, coldMs: cold.milliseconds },
    facts: [
      `slot image ${megabytes(published.bytes)} written, kexec trial, gates, confirmed in slot b`,
      `outage through kexec ${seconds(kexec.milliseconds)}`,
      `outage of a cold reboot of the same system ${seconds(cold.milliseconds)}`,
      `ratio ${ratio.toFixed(2)}`,
    ],
  };
}

/** Restarts the machine in order, through its firmware and boot loader, and measures the app's outage. */
async function coldReboot(context: StoryContext, fleet: Fleet, device: Device): Promise<Outage> {
  const { report } = await readDevice(fleet.operator, device.id);
  return watchOutage(context, device, async () => {
    await fleet.operator.client.send('POST', `/devices/${device.id}/reboot`, {});
    await deviceUntil(
      fleet.operator,
      device.id,
      (now) => now.report !== null && now.report.bootId !== report?.bootId,
      STORY_LIMITS.bootMs,
      'the device back after its reboot',
    );
  });
}

/** Asks the app over and over while something happens to the machine. */
async function watchOutage(context: StoryContext, device: Device, happens: () => Promise<void>): Promise<Outage> {
  const loop = new RequestLoop({ url: device.appUrl, requestLimitMs: REQUEST_LIMIT_MS, signal: context.signal });
  try {
    await loop.next(() => true, STORY_LIMITS.firstAnswerMs, 'expected: the app answers; seen: no answer');
    await happens();
    await loop.next(() => true, STORY_LIMITS.firstAnswerMs, 'expected: the app answers again; seen: no answer');
  } finally {
    await loop.stop();
  }
  return loop.stop();
}
