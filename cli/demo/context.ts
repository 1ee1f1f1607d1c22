import type { Board } from '@nodeos/contracts/board.ts';
import type { BuildContext } from '@nodeos/firmware/context.ts';

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
}

/** Port on which the example app listens in the device. */
export const APP_PORT = 8080;
export const DEVICE_MEMORY_MIB = 192;

/** Limits of the waits, generous: a run under TCG on a busy machine must pass too. */
export const STORY_LIMITS = {
  bootMs: 180_000,
  appDeployMs: 180_000,
  systemDeployMs: 420_000,
  firstAnswerMs: 60_000,
} as const;
