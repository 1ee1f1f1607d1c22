import type { StoryContext } from './context.ts';
import type { BootMoments, Device } from './device.ts';
import { createReporter, type StoryReporter } from './reporter.ts';
import { rollBackApp } from './steps/app-rollback.ts';
import { updateApp } from './steps/app-update.ts';
import { bootDevice } from './steps/boot-device.ts';
import { type BuiltImage, buildDemoImage } from './steps/build-image.ts';
import { checkEnrolment } from './steps/enrolment.ts';
import { deployFirstApp } from './steps/first-app.ts';
import { refuseBundles } from './steps/refused-bundles.ts';
import { type Fleet, startFleet } from './steps/start-fleet.ts';
import { rollBackSystem } from './steps/system-rollback.ts';
import { type SystemOutages, updateSystem } from './steps/system-update.ts';

export const STORY_STEPS = 10;

export interface StoryOutcome {
  readonly fleet: Fleet;
  readonly device: Device;
  readonly image: BuiltImage;
  readonly boot: BootMoments;
  readonly appOutageMs: number;
  readonly systemOutages: SystemOutages;
}

export interface StoryTelling {
  readonly write: (line: string) => void;
  /** Called with everything that must be closed at the end, as soon as it runs. */
  readonly own: (close: () => Promise<void>) => void;
}

/** The life of one device, from the source of its image to an attack on it. @throws NodeosError STORY_FAILED and others */
export async function tellStory(context: StoryContext, telling: StoryTelling): Promise<StoryOutcome> {
  let consoleTail = (): string => '';
  const reporter: StoryReporter = createReporter(STORY_STEPS, telling.write, () => consoleTail());

  const layers = await reporter.step('image built', () => buildDemoImage(context));
  const fleet = await reporter.step('server up', () => startFleet(context, telling.own));
  const booted = await reporter.step('device booted', () =>
    bootDevice(context, fleet, (machine) => {
      telling.own(() => machine.emulator.stop());
      consoleTail = () => machine.emulator.console.tail();
    }),
  );
  const { device } = booted;
  await reporter.step('device enrolled', () => checkEnrolment(fleet, booted));
  await reporter.step('app hello 1.0.0 deployed', (say) => deployFirstApp(context, fleet, device, say));
  const appOutageMs = await reporter.step('app swapped to 2.0.0', (say) => updateApp(context, fleet, device, say));
  await reporter.step('app 3.0.0 rolled back', (say) => rollBackApp(context, fleet, device, say));
  const systemOutages = await reporter.step('system 1.1.0 confirmed', (say) =>
    updateSystem(context, fleet, device, say),
  );
  await reporter.step('system 1.2.0 rolled back', (say) => rollBackSystem(context, fleet, device, say));
  await reporter.step('forged bundles refused', (say) => refuseBundles(context, fleet, device, say));
  return { fleet, device, image: layers, boot: booted.moments, appOutageMs, systemOutages };
}
