import { STORY_LIMITS, type StoryContext } from 'nodeos/demo/context.ts';
import type { Device } from 'nodeos/demo/device.ts';
import { deploy, deviceUntil, outcomeOf, publish, readDevice } from 'nodeos/demo/operator.ts';
import { readPointer } from 'nodeos/demo/pointer.ts';
import { expectThat, megabytes, type StepOutcome, seconds } from 'nodeos/demo/reporter.ts';
import type { Fleet } from 'nodeos/demo/steps/start-fleet.ts';
import { buildSystem } from 'nodeos/demo/system-releases.ts';

/** An agent that ends before it says a word to anybody. */
const BROKEN_AGENT = "throw new Error('this agent never comes up');\n";
const say = (): void => {};
/** The card of an emulated Pi takes 0.2 MB a second where the processor is shared. */
const LIMIT_MS = 900_000;

async function publishSystem(
  context: StoryContext,
  fleet: Fleet,
  version: string,
  agent?: string,
): Promise<{ target: string; bytes: number }> {
  const { slot } = (await buildSystem(context, 'slot', version, { root: fleet.root, agent })).files;
  expectThat(slot !== undefined, 'a slot image', 'none');
  return publish(fleet.operator, slot);
}

/** System 1.1.0 in the other slot: tried the board's way, with the pointer untouched meanwhile, then confirmed. */
export async function confirmSystem(context: StoryContext, fleet: Fleet, device: Device): Promise<StepOutcome<null>> {
  const { board } = context;
  const { target, bytes } = await publishSystem(context, fleet, '1.1.0');
  const before = (await readDevice(fleet.operator, device.id)).report;
  const from = before?.system.slot ?? 'none';
  const pointerInTrial = device.emulator.console
    .expect(/^init: trial|^ {2}system +\S+ 1\.1\.0/, LIMIT_MS, 'the trial', device.emulator.console.position)
    .then(() => readPointer(board, device));
  // Where the deployment fails first, that is the error to show.
  pointerInTrial.catch(() => {});
  const started = performance.now();
  const deployment = await deploy(fleet.operator, target, device.id, { limitMs: LIMIT_MS, say });
  const { state, reason } = outcomeOf(deployment);
  expectThat(deployment.state === 'done', 'system 1.1.0 confirmed', `${state} ${reason}`);
  const { report } = await deviceUntil(
    fleet.operator,
    device.id,
    (now) => now.report?.system.version === '1.1.0' && !now.report.system.trial && now.apps.hello?.state === 'running',
    STORY_LIMITS.bootMs,
    'the device on 1.1.0, no trial any more, with its app',
  );
  const slot = report?.system.slot ?? 'none';
  const pointer = await readPointer(board, device);
  expectThat(
    slot !== from && pointer === slot,
    'the pointer at the other slot',
    `${from}, ${slot}, pointer ${pointer}`,
  );
  expectThat((await pointerInTrial) === from, `the pointer at ${from} while 1.1.0 was tried`, await pointerInTrial);
  expectThat(before?.bootId !== report?.bootId, 'a new kernel', 'the same boot id');
  const took = seconds(performance.now() - started);
  return {
    value: null,
    facts: [`${megabytes(bytes)} written, ${board.boot.trial} trial, confirmed in slot ${slot} in ${took}`],
  };
}

/** System 1.2.0's agent never comes up: the device is back in the confirmed slot by itself. */
export async function rollBackSystem(context: StoryContext, fleet: Fleet, device: Device): Promise<StepOutcome<null>> {
  const before = (await readDevice(fleet.operator, device.id)).report?.system;
  const { target } = await publishSystem(context, fleet, '1.2.0', BROKEN_AGENT);
  const started = performance.now();
  const deployment = await deploy(fleet.operator, target, device.id, { limitMs: LIMIT_MS, say });
  const { reason } = outcomeOf(deployment);
  expectThat(deployment.state === 'failed', 'system 1.2.0 failed', `deployment ${deployment.state}`);
  expectThat(/^TRIAL_FAILED/.test(reason), 'a trial that was begun and failed', reason);
  const { report } = await deviceUntil(
    fleet.operator,
    device.id,
    (now) => now.report?.system.version === before?.version && now.apps.hello?.state === 'running',
    STORY_LIMITS.bootMs,
    `the device back on ${before?.version} with its app`,
  );
  const pointer = await readPointer(context.board, device);
  const { slot, trial } = report?.system ?? {};
  expectThat(
    slot === before?.slot && trial === false && pointer === slot,
    `slot ${before?.slot}, no trial, the pointer there`,
    `${slot}, ${trial}, pointer ${pointer}`,
  );
  const took = seconds(performance.now() - started);
  return { value: null, facts: [`back on ${before?.version} in slot ${slot} in ${took}`, `reason: ${reason}`] };
}
