import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import type { ImageMachine } from '@nodeos/firmware/emulate/boot-image.ts';
import type { StoryContext } from '../context.ts';
import { STORY_LIMITS } from '../context.ts';
import { type BootMoments, bootMoments, type Device, startDevice } from '../device.ts';
import { deviceUntil, onlyDevice } from '../operator.ts';
import { readPointer } from '../pointer.ts';
import { expectThat, type StepOutcome, seconds } from '../reporter.ts';
import { buildSystem, FIRST_SYSTEM } from '../system-releases.ts';
import type { Fleet } from './start-fleet.ts';

export interface BootedDevice {
  /** The image from which it was booted, untouched. */
  readonly image: string;
  readonly device: Device;
  readonly detail: DeviceDetail;
  readonly moments: BootMoments;
}

/** The agent says on the console, at that moment, how long the kernel has been running. */
const ONLINE_LINE = /^agent: online \d+ ms after the kernel/;

/** Step 3: firmware → kernel → init → agent → online, from an image that knows nothing but where its server is. */
export async function bootDevice(
  context: StoryContext,
  fleet: Fleet,
  onStart: (machine: ImageMachine) => void,
): Promise<StepOutcome<BootedDevice>> {
  const { image } = (await buildSystem(context, 'image', FIRST_SYSTEM, { root: fleet.root })).files;
  expectThat(image !== undefined, 'a disk image', 'none');
  const machine = await startDevice(context, image, fleet.fleetFile);
  onStart(machine);
  const { console, startedAt } = machine.emulator;
  const onlineLine = await console.expect(ONLINE_LINE, STORY_LIMITS.bootMs, 'expected the agent to come online');
  const id = await fleet.operator.changes.until(
    () => onlyDevice(fleet.operator),
    (found: string | null) => found !== null,
    STORY_LIMITS.bootMs,
    'a device that enrols',
    () => 'none',
  );
  const detail = await deviceUntil(
    fleet.operator,
    id as string,
    (device) => device.report?.bootTimes.online != null,
    STORY_LIMITS.bootMs,
    'the device online with its first report',
  );
  const moments = bootMoments(detail, onlineLine.at, startedAt);
  const pointer = await readPointer(context.board, machine);
  const { report } = detail;
  expectThat(
    report?.system.slot === 'a' && pointer === 'a',
    'system in slot a, pointer at a',
    `${report?.system.slot}, ${pointer}`,
  );
  expectThat(report?.dataStore === 'disk', 'the data partition mounted', String(report?.dataStore));
  const memory = report === null ? 0 : Math.round(report.memory.totalKiB / 1024);
  return {
    value: { image, device: { ...machine, id: detail.id }, detail, moments },
    facts: [
      `${context.machine?.firmware === 'uefi' ? 'UEFI firmware' : 'firmware'} and boot loader ${seconds(moments.kernel - startedAt)}`,
      `kernel to init ${seconds(moments.init - moments.kernel)}`,
      `init to agent ${seconds(moments.agent - moments.init)}`,
      `agent to online ${seconds(moments.online - moments.agent)}`,
      `power-on to online ${seconds(moments.online - startedAt)}`,
      `${memory} MiB seen by the system, agent uses ${((report?.memory.agentRssKiB ?? 0) / 1024).toFixed(0)} MiB`,
    ],
  };
}
