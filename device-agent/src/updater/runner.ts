import { isDeepStrictEqual } from 'node:util';
import type { CurrentState, DesiredState } from '@nodeos/contracts/desired-state.ts';
import { describeError, type ErrorCode } from '@nodeos/contracts/errors.ts';
import { backoffDelay } from '../backoff.ts';
import { activateApp, activeApp, fetchApp, removeApp, removeUnusedBundles, type StepRun } from './app-steps.ts';
import { withFailure } from './bookkeeping.ts';
import { toCodedError, type UpdaterContext } from './context.ts';
import { planUpdate, type Step, type StepKind } from './plan.ts';
import type { UpdateSubject } from './status-board.ts';
import { fetchSystem, trialSystem } from './system-steps.ts';

export interface Runner {
  apply(desired: DesiredState): void;
  generation(): number | null;
  /** One way to change the device at a time. */
  exclusively(work: () => Promise<void>): Promise<void>;
}

/** One entry a step kind; a simulated device has others for what touches the machine. */
export type Executors = {
  readonly [Kind in StepKind]: (
    context: UpdaterContext,
    step: Extract<Step, { kind: Kind }>,
    run: StepRun,
  ) => Promise<void>;
};
export const EXECUTORS: Executors = {
  'remove-app': removeApp,
  'fetch-app': fetchApp,
  'activate-app': activateApp,
  'fetch-system': fetchSystem,
  'trial-system': trialSystem,
};
/** The network's faults, or a clock's: they pass, and the release is not to blame. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['FETCH_FAILED', 'FETCH_STALLED', 'METADATA_EXPIRED']);

type Outcome = 'done' | 'retry';

export function createRunner(
  context: UpdaterContext,
  phase: { readonly onTrial: () => boolean; readonly leaving: () => boolean },
  executors: Executors = EXECUTORS,
): Runner {
  const { board, options, ports, store } = context;
  let newest: DesiredState | null = null;
  let running = false;
  let progressed = false;
  let lock: Promise<void> = Promise.resolve();
  /** Ends the wait for the next attempt. */
  let wake = new AbortController();
  let current: { readonly step: Step; readonly abort: AbortController } | null = null;

  function exclusively(work: () => Promise<void>): Promise<void> {
    const next = lock.then(work);
    lock = next.catch(() => {});
    return next;
  }

  async function currentState(): Promise<CurrentState> {
    const { manifest } = context;
    const apps: Record<string, { version: string; sha256: string }> = {};
    for (const name of Object.keys(store.state.apps)) {
      const app = await activeApp(context, name);
      if (app) apps[name] = { version: app.manifest.version, sha256: app.sha256 };
    }
    return {
      system: { board: manifest.board, version: manifest.version },
      trial: phase.onTrial() ? { version: manifest.version } : null,
      apps,
      failed: store.state.failed,
    };
  }

  /** Does what is planned; a release that fails does not keep the others from their turn. */
  async function runOnce(desired: DesiredState): Promise<Outcome> {
    board.clear((status) => wantedTargets(desired).has(status.target));
    const fetched: StepRun['fetched'] = new Map();
    const stuck = new Set<string>();
    let outcome: Outcome = 'done';
    for (const step of planUpdate(await currentState(), desired)) {
      if (newest !== desired || phase.leaving()) return outcome;
      if (stuck.has(laneOf(step))) continue;
      const abort = new AbortController();
      current = { step, abort };
      try {
        await execute(step, { signal: abort.signal, fetched, progressed: () => (progressed = true) });
        if (step.kind !== 'remove-app' && step.release.apply === 'download') board.show(subjectOf(step), 'downloaded');
        if (step.kind === 'activate-app') board.clear((status) => status.target !== step.release.target);
      } catch (error) {
        stuck.add(laneOf(step));
        if (abort.signal.aborted) continue;
        if (PASSING.has(toCodedError(error).code)) outcome = 'retry';
        await noteFault(step, error);
      } finally {
        current = null;
      }
    }
    if (outcome === 'done') await removeUnusedBundles(context, fetched.values());
    return outcome;
  }

  function execute(step: Step, run: StepRun): Promise<void> {
    return (executors[step.kind] as (context: UpdaterContext, step: Step, run: StepRun) => Promise<void>)(
      context,
      step,
      run,
    );
  }

  async function noteFault(step: Step, error: unknown): Promise<void> {
    const coded = toCodedError(error);
    const reason = describeError(coded);
    if (step.kind === 'remove-app') {
      ports.event('error', `removing ${step.name}: ${reason}`);
      return;
    }
    const subject = subjectOf(step);
    const title = `${subject.name ?? 'system'} ${step.release.version}`;
    if (PASSING.has(coded.code)) {
      ports.log(`${title}: ${reason}`);
      board.show(subject, 'fetching', { reason });
      return;
    }
    await store.update((state) => withFailure(state, subject, reason));
    board.clear((status) => status.target !== step.release.target);
    ports.event(step.kind === 'activate-app' ? 'rollback' : 'update', `${title} failed: ${reason}`);
    ports.report().catch(() => {});
  }

  async function work(): Promise<void> {
    let failures = 0;
    try {
      while (newest && !phase.leaving()) {
        const desired = newest;
        progressed = false;
        wake = new AbortController();
        const outcome = await attempt(desired);
        if (newest !== desired) failures = 0;
        else if (outcome === 'done') return;
        else {
          failures = progressed ? 1 : failures + 1;
          const { fetchRetryMinMs: baseMs, fetchRetryMaxMs: capMs } = options.limits;
          await options.delay(backoffDelay(failures, { baseMs, capMs }, options.random), wake.signal);
        }
      }
    } finally {
      running = false;
      ports.atRest();
    }
  }

  /** Unknown errors end the run, not the agent. */
  async function attempt(desired: DesiredState): Promise<Outcome> {
    let outcome: Outcome = 'done';
    try {
      await exclusively(async () => {
        outcome = await runOnce(desired);
      });
    } catch (error) {
      ports.event('error', `the update run broke off: ${describeError(toCodedError(error))}`);
    }
    return outcome;
  }

  return {
    apply(desired) {
      const same = running && isDeepStrictEqual(newest, desired);
      if (same) return;
      newest = desired;
      if (current && !isWanted(desired, current.step)) current.abort.abort();
      wake.abort();
      if (running || phase.leaving()) return;
      running = true;
      void work();
    },
    generation: () => newest?.generation ?? null,
    exclusively,
  };
}

/** Steps with the same lane belong together: when one fails, the next makes no sense. */
function laneOf(step: Step): string {
  return 'name' in step ? `app ${step.name}` : 'system';
}

function subjectOf(step: Exclude<Step, { kind: 'remove-app' }>): UpdateSubject {
  return { name: 'name' in step ? step.name : null, release: step.release };
}

function wantedTargets(desired: DesiredState): Set<string> {
  const releases = [desired.system, ...Object.values(desired.apps)];
  return new Set(releases.flatMap((release) => (release ? [release.target] : [])));
}

function isWanted(desired: DesiredState, step: Step): boolean {
  if (step.kind === 'remove-app') return desired.removeApps.includes(step.name);
  const release = 'name' in step ? desired.apps[step.name] : desired.system;
  return release?.target === step.release.target && release.deployment === step.release.deployment;
}
