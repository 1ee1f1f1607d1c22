import { NodeosError } from '@nodeos/contracts/errors.ts';

/** What can be seen of a running system at one moment. */
export interface GateObservation {
  /** Milliseconds of a clock that never jumps. */
  readonly atMs: number;
  readonly serverReached: boolean;
  /** Why the apps are not healthy, null where they are. */
  readonly appsFault: string | null;
  readonly availableKiB: number;
  readonly agentRssKiB: number;
}

export interface GateRules {
  /** False where the old system could not reach the server either. */
  readonly serverNeeded: boolean;
  readonly soakMs: number;
  /** Null: no limit. */
  readonly timeoutMs: number | null;
  readonly minAvailableKiB: number;
  readonly maxAgentRssKiB: number;
}

export interface GateProgress {
  readonly startedMs: number;
  /** Since when all gates have been open without a break. */
  readonly openSinceMs: number | null;
}

export type GateVerdict =
  | { readonly state: 'waiting'; readonly progress: GateProgress }
  | { readonly state: 'passed' }
  | { readonly state: 'failed'; readonly reason: string };

/** Gates that are shut, each with its reason. That the system is up is shown by the question being asked at all. */
export function shutGates(seen: GateObservation, rules: GateRules): string[] {
  const reasons: string[] = [];
  if (rules.serverNeeded && !seen.serverReached) reasons.push('the server was not reached');
  if (seen.appsFault !== null) reasons.push(`apps: ${seen.appsFault}`);
  if (seen.availableKiB < rules.minAvailableKiB)
    reasons.push(`only ${seen.availableKiB} KiB of memory are available, ${rules.minAvailableKiB} are needed`);
  if (seen.agentRssKiB > rules.maxAgentRssKiB)
    reasons.push(`the agent takes ${seen.agentRssKiB} KiB of memory, more than ${rules.maxAgentRssKiB}`);
  return reasons;
}

/** All gates must have been open for the soak time; the limit ends the wait. */
function judgeGates(progress: GateProgress, seen: GateObservation, rules: GateRules): GateVerdict {
  const shut = shutGates(seen, rules);
  const openSinceMs = shut.length > 0 ? null : (progress.openSinceMs ?? seen.atMs);
  if (openSinceMs !== null && seen.atMs - openSinceMs >= rules.soakMs) return { state: 'passed' };
  if (rules.timeoutMs !== null && seen.atMs - progress.startedMs >= rules.timeoutMs) {
    const why = shut.length > 0 ? shut.join('; ') : 'the gates were not open for long enough';
    return { state: 'failed', reason: `after ${Math.round(rules.timeoutMs / 1000)} s: ${why}` };
  }
  return { state: 'waiting', progress: { startedMs: progress.startedMs, openSinceMs } };
}

export interface GatePorts {
  readonly observe: () => Promise<GateObservation>;
  /** Waits until it is worth looking again. */
  readonly pause: () => Promise<void>;
  readonly onChange?: (shut: readonly string[]) => void;
}

/** Looks until the gates have been passed. @throws what `fault` makes of the reason where the limit is over */
export async function passGates(
  ports: GatePorts,
  rules: GateRules,
  fault = (reason: string) => new NodeosError('TRIAL_FAILED', reason),
): Promise<void> {
  let seen = await ports.observe();
  let progress: GateProgress = { startedMs: seen.atMs, openSinceMs: null };
  let told = '';
  for (;;) {
    const shut = shutGates(seen, rules);
    if (shut.join() !== told) ports.onChange?.(shut);
    told = shut.join();
    const verdict = judgeGates(progress, seen, rules);
    if (verdict.state === 'passed') return;
    if (verdict.state === 'failed') throw fault(verdict.reason);
    progress = verdict.progress;
    await ports.pause();
    seen = await ports.observe();
  }
}
