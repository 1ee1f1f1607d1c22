import { bundleHello } from '../app-releases.ts';
import { STORY_LIMITS, type StoryContext } from '../context.ts';
import type { Device } from '../device.ts';
import { deploy, outcomeOf, publish } from '../operator.ts';
import { expectThat, type StepOutcome } from '../reporter.ts';
import { RequestLoop } from '../request-loop.ts';
import type { Fleet } from './start-fleet.ts';

/** Step 7: 3.0.0 crashes at its start; 2.0.0 goes on. */
export async function rollBackApp(
  context: StoryContext,
  fleet: Fleet,
  device: Device,
  say: (text: string) => void,
): Promise<StepOutcome<null>> {
  const bundle = await bundleHello(context, '3.0.0', { crash: true });
  const { target } = await publish(fleet.operator, bundle.file);
  const loop = new RequestLoop({ url: device.appUrl, requestLimitMs: 1_000, signal: context.signal });
  let reason: string;
  try {
    await loop.next((version) => version === '2.0.0', STORY_LIMITS.firstAnswerMs, '2.0.0 does not answer');
    const deployment = await deploy(fleet.operator, target, device.id, { limitMs: STORY_LIMITS.appDeployMs, say });
    reason = outcomeOf(deployment).reason;
    expectThat(deployment.state === 'failed', 'hello 3.0.0 failed', `deployment ${deployment.state}`);
    expectThat(/crashes at its start/.test(reason), 'the crash as the reason', reason);
    await loop.next((version) => version === '2.0.0', STORY_LIMITS.firstAnswerMs, '2.0.0 does not answer any more');
  } finally {
    await loop.stop();
  }
  const outage = await loop.stop();
  expectThat(outage.versions.join() === '2.0.0', 'answers of 2.0.0 only', outage.versions.join());
  return {
    value: null,
    facts: [`rolled back to 2.0.0, app outage ${outage.milliseconds.toFixed(0)} ms`, `reason: ${reason}`],
  };
}
