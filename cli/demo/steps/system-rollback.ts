import { STORY_LIMITS, type StoryContext } from '../context.ts';
import type { Device } from '../device.ts';
import { deploy, deviceUntil, outcomeOf, publish } from '../operator.ts';
import { readPointer } from '../pointer.ts';
import { expectThat, type StepOutcome } from '../reporter.ts';
import { askVersion } from '../request-loop.ts';
import { buildSystem } from '../system-releases.ts';
import type { Fleet } from './start-fleet.ts';

/** An agent that ends before it says a word to anybody. */
const BROKEN_AGENT = "throw new Error('this agent never comes up');\n";

/** Step 9: system 1.2.0's agent never comes up; the device returns to 1.1.0 by itself. */
export async function rollBackSystem(
  context: StoryContext,
  fleet: Fleet,
  device: Device,
  say: (text: string) => void,
): Promise<StepOutcome<null>> {
  const broken = await buildSystem(context, 'slot', '1.2.0', { root: fleet.root, agent: BROKEN_AGENT });
  const { slot: slotImage } = broken.files;
  expectThat(slotImage !== undefined, 'a slot image', 'none');
  const { target } = await publish(fleet.operator, slotImage);
  const deployment = await deploy(fleet.operator, target, device.id, { limitMs: STORY_LIMITS.systemDeployMs, say });
  const { reason } = outcomeOf(deployment);
  expectThat(deployment.state === 'failed', 'system 1.2.0 failed', `deployment ${deployment.state}`);
  expectThat(/^TRIAL_FAILED/.test(reason), 'a trial that was begun and failed', reason);
  const detail = await deviceUntil(
    fleet.operator,
    device.id,
    ({ report, apps }) => report?.system.version === '1.1.0' && apps.hello?.state === 'running',
    STORY_LIMITS.bootMs,
    'the device on 1.1.0 with hello running',
  );
  const pointer = await readPointer(context.board, device);
  const { slot, trial } = detail.report?.system ?? {};
  expectThat(
    slot === 'b' && trial === false && pointer === 'b',
    'slot b, no trial, pointer at b',
    `${slot}, ${trial}, ${pointer}`,
  );
  const version = await askVersion(device.appUrl, STORY_LIMITS.firstAnswerMs);
  expectThat(version === '2.0.0', 'hello 2.0.0 answers', String(version));
  return { value: null, facts: [`back on 1.1.0 in slot b by itself, hello ${version} answers`, `reason: ${reason}`] };
}
