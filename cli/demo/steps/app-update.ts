import { bundleHello } from '../app-releases.ts';
import { STORY_LIMITS, type StoryContext } from '../context.ts';
import type { Device } from '../device.ts';
import { deploy, outcomeOf, publish, readDevice } from '../operator.ts';
import { expectThat, type StepOutcome } from '../reporter.ts';
import { RequestLoop } from '../request-loop.ts';
import type { Fleet } from './start-fleet.ts';

/** Longer than any answer of a healthy app, and short enough to see the end of an outage soon. */
const REQUEST_LIMIT_MS = 1_000;

/** Step 6: 2.0.0 takes over from 1.0.0 without a reboot, watched from outside. Gives the outage in milliseconds. */
export async function updateApp(
  context: StoryContext,
  fleet: Fleet,
  device: Device,
  say: (text: string) => void,
): Promise<StepOutcome<number>> {
  const bundle = await bundleHello(context, '2.0.0');
  const { target } = await publish(fleet.operator, bundle.file);
  const before = await readDevice(fleet.operator, device.id);
  const loop = new RequestLoop({ url: device.appUrl, requestLimitMs: REQUEST_LIMIT_MS, signal: context.signal });
  try {
    await loop.next((version) => version === '1.0.0', STORY_LIMITS.firstAnswerMs, '1.0.0 does not answer');
    const deployment = await deploy(fleet.operator, target, device.id, { limitMs: STORY_LIMITS.appDeployMs, say });
    const { state, reason } = outcomeOf(deployment);
    expectThat(deployment.state === 'done', 'hello 2.0.0 confirmed', `${state} ${reason}`);
    await loop.next((version) => version === '2.0.0', STORY_LIMITS.firstAnswerMs, '2.0.0 does not answer');
  } finally {
    await loop.stop();
  }
  const outage = await loop.stop();
  const after = await readDevice(fleet.operator, device.id);
  expectThat(
    outage.versions.join(' then ') === '1.0.0 then 2.0.0',
    'answers of 1.0.0 then 2.0.0',
    outage.versions.join(' then '),
  );
  expectThat(before.report?.bootId === after.report?.bootId, 'no reboot', 'another boot id');
  return {
    value: outage.milliseconds,
    facts: [
      `app outage ${outage.milliseconds.toFixed(0)} ms`,
      `${outage.answers} answers every ${outage.spacingMs.toFixed(0)} ms, ${outage.failures} failed`,
      `seen ${outage.versions.join(' then ')}, no reboot`,
    ],
  };
}
