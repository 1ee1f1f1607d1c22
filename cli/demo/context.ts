import type { Board } from '@nodeos/contracts/board.ts';
import type { BuildContext } from '@nodeos/firmware/context.ts';
import type { BootImageOptions } from '@nodeos/firmware/emulate/boot-image.ts';

/** What every step of the story may use. */
export interface StoryContext {
  readonly build: BuildContext;
  readonly board: Board;
  /** Holds everything the story makes: server data, keys, disk, bundles. */
  readonly folder: string;
  /** Aborted on Ctrl-C. */
  readonly signal: AbortSignal;
  /** Port of the dashboard, 0 for any free one. */
  readonly dashboardPort: number;
  /** How the emulated device starts; what is left out is the board's own. */
  readonly machine?: Pick<BootImageOptions, 'firmware' | 'bus' | 'memoryMiB'>;
}

/** Port on which the example app listens in the device. */
export const APP_PORT = 8080;
/** The PC of the story. */
export const STORY_MACHINE = { firmware: 'uefi', memoryMiB: 192 } as const;

/** Limits of the waits, generous: a run under TCG on a busy machine must pass too. */
export const STORY_LIMITS = {
  bootMs: 180_000,
  appDeployMs: 180_000,
  appStartMs: 90_000,
  systemDeployMs: 420_000,
  firstAnswerMs: 60_000,
} as const;
