import type { TestContext } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { requireEmulator } from '@nodeos/firmware/emulate/programs.ts';
import type { StoryContext } from 'nodeos/demo/context.ts';
import type { Device } from 'nodeos/demo/device.ts';
import { expectThat, type StepOutcome } from 'nodeos/demo/reporter.ts';
import { updateApp } from 'nodeos/demo/steps/app-update.ts';
import { bootDevice } from 'nodeos/demo/steps/boot-device.ts';
import { deployFirstApp } from 'nodeos/demo/steps/first-app.ts';
import { type Fleet, startFleet } from 'nodeos/demo/steps/start-fleet.ts';
import { livingFor } from '../support/lifetime.ts';
import { confirmSystem, rollBackSystem } from './system-steps.ts';

export interface LifeOptions {
  readonly board: string;
  readonly machine?: StoryContext['machine'];
  /** What the device lives through after its first app; in this order. */
  readonly events: readonly ('app update' | 'system update' | 'system rollback')[];
  /** More for the device that is up then. */
  readonly more?: (t: TestContext, context: StoryContext, fleet: Fleet, device: Device) => Promise<void>;
}

/** Why this host cannot emulate the board, for a skip that is seen; false where it can. In CI nothing is skipped. */
export async function cannotEmulate(name: string): Promise<string | false> {
  const { emulate } = await loadBoard(name);
  expectThat(emulate !== null, 'a board that QEMU can emulate', name);
  try {
    await requireEmulator(emulate);
    return false;
  } catch (error) {
    if (!isNodeosError(error) || process.env.CI !== undefined) throw error;
    return error.message;
  }
}

/**
 * One device of a board, from its image through its `events`, each step a subtest: built, booted in QEMU, online at
 * a real server, an app with a native addon, updates.
 */
export function liveThrough(t: TestContext, options: LifeOptions): Promise<void> {
  return livingFor(options.board, async (life) => {
    const step = async <T>(title: string, work: () => Promise<StepOutcome<T>>): Promise<T> => {
      let result: { value: T } | null = null;
      await t.test(title, async (subtest) => {
        const outcome = await work().catch((error: Error) => {
          life.explain(error);
          throw error;
        });
        for (const fact of outcome.facts) subtest.diagnostic(fact);
        result = outcome;
      });
      if (result === null) throw new Error(`${title} failed; the steps after it need it`);
      return (result as { value: T }).value;
    };
    const context: StoryContext = {
      ...life.story(await loadBoard(options.board)),
      machine: options.machine ?? {},
    };
    const fleet = await step('the server is up', () => startFleet(context, life.own));
    const { device } = await step('built, booted, online', () =>
      bootDevice(context, fleet, ({ emulator }) => life.watch(emulator)),
    );
    const say = (): void => {};
    await step('an app with a native addon runs', () => deployFirstApp(context, fleet, device, say));
    for (const event of options.events) {
      if (event === 'app update') await step(event, () => updateApp(context, fleet, device, say));
      if (event === 'system update') await step(event, () => confirmSystem(context, fleet, device));
      if (event === 'system rollback') await step(event, () => rollBackSystem(context, fleet, device));
    }
    await options.more?.(t, context, fleet, device);
  });
}
