import { bundleHello } from '../app-releases.ts';
import { APP_PORT, STORY_LIMITS, type StoryContext } from '../context.ts';
import type { Device } from '../device.ts';
import { deploy, outcomeOf, publish } from '../operator.ts';
import { expectThat, megabytes, type StepOutcome, seconds } from '../reporter.ts';
import { askJson } from '../request-loop.ts';
import type { Fleet } from './start-fleet.ts';

/** Step 5: an ordinary npm package becomes a signed bundle, and the device runs it. */
export async function deployFirstApp(
  context: StoryContext,
  fleet: Fleet,
  device: Device,
  say: (text: string) => void,
): Promise<StepOutcome<null>> {
  const bundle = await bundleHello(context, '1.0.0');
  const { target } = await publish(fleet.operator, bundle.file);
  const started = performance.now();
  const deployment = await deploy(fleet.operator, target, device.id, { limitMs: STORY_LIMITS.appDeployMs, say });
  const { state, reason } = outcomeOf(deployment);
  expectThat(deployment.state === 'done', 'hello 1.0.0 confirmed', `${state} ${reason}`);
  const took = performance.now() - started;
  const answer = await askJson(device.appUrl, STORY_LIMITS.firstAnswerMs);
  expectThat(answer?.version === '1.0.0', 'an answer of version 1.0.0', JSON.stringify(answer));
  expectThat(typeof answer.native === 'string', 'a value computed by the native addon', JSON.stringify(answer));
  return {
    value: null,
    facts: [
      `bundle ${megabytes(bundle.bytes)} for ${bundle.manifest.abi}, signed and published`,
      `told, asked, fetched, verified, running in ${seconds(took)}`,
      `GET port ${APP_PORT} answers ${answer.name} ${answer.version} on Node ${answer.node}, addon says ${answer.native}`,
    ],
  };
}
