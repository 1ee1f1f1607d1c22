import { describeError } from '@nodeos/contracts/errors.ts';
import { withAbandonedSystem, withConfirmedSystem, withFailure } from './bookkeeping.ts';
import type { SystemTrial } from './boot-case.ts';
import { lastFailurePath, tryReport, type UpdaterContext } from './context.ts';
import { writeFileAtomically } from './disk.ts';
import { passGates } from './gates.ts';

/** The apps are asked again after this time; a longer answer means that they are not well. */
const APPS_HEALTH_LIMIT_MS = 5_000;

/**
 * A trial runs: shows the gates the system until they let it pass, then makes its slot the pointer's. If they do not
 * in time, the device goes back to the pointer's slot.
 */
export async function runTrial(context: UpdaterContext, trial: SystemTrial | null): Promise<void> {
  const { board, manifest, ports } = context;
  if (trial) board.show({ name: null, release: trial }, 'soaking');
  ports.event('trial', `system ${manifest.version} is on trial in slot ${ports.facts.slot}`);
  try {
    await gates(context, { serverNeeded: trial?.serverWasReachable ?? true, appsDown: trial?.appsDown ?? [] });
    await confirmRunningSlot(context);
  } catch (error) {
    await giveUpTrial(context, describeError(error));
    return;
  }
  if (trial) await noteConfirmed(context, trial);
}

/**
 * The boot loader took this slot because the pointer's slot stopped booting. There is no better place to go back to, so
 * the slot is confirmed also where the gates stay shut: only then can an update repair the device.
 */
export async function runFallback(context: UpdaterContext): Promise<void> {
  const { manifest, ports, store } = context;
  const { slot } = ports.facts;
  ports.event('rollback', `the pointer's slot stopped booting; slot ${slot} (system ${manifest.version}) runs instead`);
  try {
    await gates(context, { serverNeeded: false, appsDown: [] });
  } catch (error) {
    ports.event('error', `slot ${slot} is kept though its gates stay shut: ${describeError(error)}`);
  }
  await confirmRunningSlot(context);
  const reason = 'TRIAL_FAILED: it stopped booting, and the boot loader went back to the other slot';
  await store.update((state) => ({ ...withAbandonedSystem(state, reason), systemTrial: null }));
  ports.report().catch(() => {});
}

/** The only place that moves the pointer. */
async function confirmRunningSlot({ manifest, pointer, ports }: UpdaterContext): Promise<void> {
  // First the count: with a count of three the boot loader would not take the slot that the pointer is about to name.
  await pointer.clearAttempts();
  await pointer.confirm(ports.facts.slot);
  ports.init.send('confirmed');
  ports.event('trial', `system ${manifest.version} in slot ${ports.facts.slot} is confirmed`);
}

/** The pointer names the trial's slot; now the notes follow. */
export async function noteConfirmed({ board, ports, store }: UpdaterContext, trial: SystemTrial): Promise<void> {
  await store.update((state) => withConfirmedSystem(state, trial));
  board.clear();
  ports.report().catch(() => {});
}

/** Back in the old slot: the release is not tried again for its deployment. */
export async function noteFailedTrial(context: UpdaterContext, trial: SystemTrial, reason: string): Promise<void> {
  const { ports, store, manifest } = context;
  const coded = reason.startsWith('TRIAL_FAILED') ? reason : `TRIAL_FAILED: ${reason}`;
  await store.update((state) => withFailure(state, { name: null, release: trial }, coded));
  ports.event('rollback', `system ${trial.version} failed, ${manifest.version} runs again: ${reason}`);
  ports.report().catch(() => {});
}

async function giveUpTrial(context: UpdaterContext, reason: string): Promise<void> {
  const { manifest, options, ports } = context;
  ports.event('rollback', `system ${manifest.version} is given up: ${reason}`);
  try {
    await writeFileAtomically(options.disk, lastFailurePath(ports.stateDir), `${reason.replaceAll('\n', ' ')}\n`);
  } catch (error) {
    ports.log(`the reason could not be written down: ${describeError(error)}`);
  }
  await tryReport(context);
  context.leave('reboot');
}

interface GateNeeds {
  readonly serverNeeded: boolean;
  /** Apps that did not run in the old system either. */
  readonly appsDown: readonly string[];
}

async function gates(context: UpdaterContext, { serverNeeded, appsDown }: GateNeeds): Promise<void> {
  const { options, ports } = context;
  const { limits } = options;
  const apps = watchApps(context, appsDown);
  try {
    await passGates(
      {
        observe: async () => ({
          atMs: options.monotonicMs(),
          serverReached: context.serverAnswers() > 0,
          appsFault: apps.fault(),
          ...options.memory(),
        }),
        pause: () => options.delay(limits.systemGatesIntervalMs),
        onChange: (shut) => ports.log(shut.length > 0 ? `gates shut: ${shut.join('; ')}` : 'all gates are open'),
      },
      {
        serverNeeded,
        soakMs: limits.systemSoakMs,
        timeoutMs: limits.systemGatesTimeoutMs,
        minAvailableKiB: limits.systemMinAvailableKiB,
        maxAgentRssKiB: limits.agentMaxRssKiB,
      },
    );
  } finally {
    apps.end();
  }
}

/**
 * Asks for the apps' health again and again, so that an app that falls ill during the soak is seen. Where one was down
 * before the trial, the question for all of them has no answer, and their states alone count.
 */
function watchApps(
  { options, ports }: UpdaterContext,
  appsDown: readonly string[],
): { fault: () => string | null; end: () => void } {
  let probeFault: string | null = 'not all have answered yet';
  const ended = new AbortController();
  const watch = async () => {
    while (!ended.signal.aborted) {
      try {
        await ports.apps.allHealthy(APPS_HEALTH_LIMIT_MS);
        probeFault = null;
      } catch (error) {
        probeFault = describeError(error);
      }
      await options.delay(options.limits.systemGatesIntervalMs, ended.signal);
    }
  };
  if (appsDown.length === 0) void watch();
  else probeFault = null;
  return {
    fault() {
      const ill = Object.entries(ports.apps.status()).find(
        ([name, app]) => app.state !== 'running' && !appsDown.includes(name),
      );
      return ill ? `${ill[0]} is ${ill[1].state}${ill[1].reason ? `: ${ill[1].reason}` : ''}` : probeFault;
    },
    end: () => ended.abort(),
  };
}
