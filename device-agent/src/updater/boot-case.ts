import type { AgentState } from '@nodeos/contracts/agent-state.ts';
import type { SlotName } from '../slots/pointer.ts';

export type SystemTrial = NonNullable<AgentState['systemTrial']>;
/** What is known of a trial before it begins. */
export type SystemTrialPlan = Pick<
  SystemTrial,
  'version' | 'target' | 'deployment' | 'slot' | 'serverWasReachable' | 'appsDown' | 'preparedInBoot'
>;

/** What this boot is, seen from the update engine. */
export type BootCase =
  /** The pointer's slot runs and nothing is under way. */
  | { readonly kind: 'settled' }
  /** The agent was started again before the trial's kernel was: the trial can be prepared anew. */
  | { readonly kind: 'trial-not-begun' }
  /** The pointer was moved, but the notes about it were not written. */
  | { readonly kind: 'trial-confirmed'; readonly trial: SystemTrial }
  /** The trial ended without a word, as by a power cut: the release may be good, and is tried again. */
  | { readonly kind: 'trial-cut-short'; readonly trial: SystemTrial }
  /** The trial ended and the boot loader took the pointer's slot. */
  | { readonly kind: 'trial-failed'; readonly trial: SystemTrial; readonly reason: string }
  /** A trial runs; its record may be lost with the data partition. */
  | { readonly kind: 'trial'; readonly trial: SystemTrial | null }
  /** The pointer's slot stopped booting and the boot loader took the other one. */
  | { readonly kind: 'fallback' };

export interface BootEvidence {
  readonly running: SlotName;
  /** Null where it cannot be read. */
  readonly pointer: SlotName | null;
  /** Seconds of init's dead-man timer, 0 where this boot is no trial. */
  readonly trialSeconds: number;
  readonly systemTrial: SystemTrial | null;
  readonly bootId: string;
  /** What init or the agent wrote down before the last boot ended. */
  readonly lastFailure: string | null;
  /** Trials that a release gets where none of them says why it ended. */
  readonly trialsMax: number;
}

export function judgeBoot(evidence: BootEvidence): BootCase {
  const { running, pointer, trialSeconds, systemTrial, bootId, lastFailure, trialsMax } = evidence;
  if (pointer === null ? trialSeconds > 0 : running !== pointer) {
    if (trialSeconds === 0) return { kind: 'fallback' };
    return { kind: 'trial', trial: systemTrial?.slot === running ? systemTrial : null };
  }
  if (!systemTrial) return { kind: 'settled' };
  if (pointer !== null && systemTrial.slot === pointer) return { kind: 'trial-confirmed', trial: systemTrial };
  if (systemTrial.preparedInBoot === bootId) return { kind: 'trial-not-begun' };
  if (lastFailure === null && systemTrial.tries < trialsMax) return { kind: 'trial-cut-short', trial: systemTrial };
  const reason = lastFailure ?? 'the trial ended without a word (panic, hang or power cut)';
  return { kind: 'trial-failed', trial: systemTrial, reason };
}
