import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import { bootImage, type ImageMachine } from '@nodeos/firmware/emulate/boot-image.ts';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import { APP_PORT, type StoryContext } from './context.ts';
import { expectThat } from './reporter.ts';

/** The emulated device and how it is reached from outside. */
export interface Device extends ImageMachine {
  readonly id: string;
  /** The app's address, through a forwarded port. */
  readonly appUrl: string;
}

/** Starts the machine from its own copy of the image, with the fleet file on it. */
export async function startDevice(
  context: StoryContext,
  image: string,
  fleet: FleetFile,
): Promise<ImageMachine & { appUrl: string }> {
  const { emulate } = context.board;
  expectThat(emulate !== null, 'a board that QEMU can emulate', context.board.name);
  const port = await freePort();
  const machine = await bootImage({
    emulate,
    image,
    fleet,
    ...context.machine,
    forwards: [{ host: port, guest: APP_PORT }],
    folder: context.folder,
    cacheRoot: context.build.cacheRoot,
    signal: context.signal,
  });
  return { ...machine, appUrl: `http://127.0.0.1:${port}/` };
}

/** Moments of one boot on the host's clock, `performance.now()`. */
export interface BootMoments {
  readonly powerOn: number;
  readonly kernel: number;
  readonly init: number;
  readonly agent: number;
  readonly online: number;
}

/**
 * Joins the device's own times since the start of its kernel with the host's clock, at the agent's line about being online.
 * @throws NodeosError STORY_FAILED where the device reported no times
 */
export function bootMoments(device: DeviceDetail, onlineLineAt: number, powerOn: number): BootMoments {
  const times = device.report?.bootTimes;
  const { init, agent, online } = times ?? { init: null, agent: null, online: null };
  expectThat(
    init !== null && agent !== null && online !== null,
    'times of init, agent and online in the report',
    JSON.stringify(times),
  );
  const kernel = onlineLineAt - online;
  return { powerOn, kernel, init: kernel + init, agent: kernel + agent, online: onlineLineAt };
}
