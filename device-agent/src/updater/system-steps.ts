import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { SlotManifest } from '@nodeos/contracts/slot-manifest.ts';
import { otherSlot, requireSlotContent, slotPartition } from '../slots/slot.ts';
import { openSlotDestination } from '../slots/slot-destination.ts';
import { loadTrial } from '../slots/trial.ts';
import { findTarget } from '../trust/metadata.ts';
import { requireSystem } from '../trust/release-check.ts';
import { fetchTo, type StepRun } from './app-steps.ts';
import { withSystemTrial } from './bookkeeping.ts';
import { lastFailurePath, trustPorts, tryReport, type UpdaterContext } from './context.ts';
import { untilReleased } from './held-update.ts';
import type { Step } from './plan.ts';

type StepOf<Kind extends Step['kind']> = Extract<Step, { kind: Kind }>;

/** Writes a slot image to the other slot, verified as it stands on the medium. */
export async function fetchSystem(context: UpdaterContext, step: StepOf<'fetch-system'>, run: StepRun): Promise<void> {
  const { board, manifest, options, ports } = context;
  const subject = { name: null, release: step.release };
  requireSettled(context);
  board.show(subject, 'fetching', { percent: 0 });
  const target = await findTarget(trustPorts(context), step.release.target, run.signal);
  const expected = requireSystem(target, step.release.version, context);
  if (expected.boot.chain !== manifest.boot.chain)
    throw new NodeosError(
      'RELEASE_INCOMPATIBLE',
      `${target.path} is for ${expected.boot.chain}, not for ${manifest.boot.chain}`,
    );
  // Whatever was prepared there before is about to go.
  await context.pointer.forgetOnce();
  const partition = slotPartition(ports.facts, otherSlot(ports.facts.slot));
  const destination = await openSlotDestination({
    disk: options.disk,
    partition,
    progressPath: join(ports.stateDir, 'slot-progress.json'),
    length: target.length,
    sha256: target.sha256,
  });
  try {
    await fetchTo(destination, target, context, subject, run);
  } finally {
    await destination.close();
  }
  requireSlotContent(partition, expected);
  run.fetched.set(target.path, target);
}

/**
 * Notes the trial, then starts the other slot once: init jumps into its kernel, or restarts with a word for the boot
 * loader where the board's kexec cannot be relied on.
 */
export async function trialSystem(context: UpdaterContext, step: StepOf<'trial-system'>, run: StepRun): Promise<void> {
  const { board, options, ports, store } = context;
  const subject = { name: null, release: step.release };
  const manifest = fetchedManifest(step, run);
  await untilReleased(context, subject, true, run);
  requireSettled(context);
  const slot = otherSlot(ports.facts.slot);
  board.show(subject, 'trial');
  ports.event('trial', `system ${step.release.version} is tried in slot ${slot}`);
  await tryReport(context);
  if (run.signal.aborted) throw new NodeosError('FETCH_FAILED', `${step.release.target}: no longer wanted`);
  await options.disk.remove(lastFailurePath(ports.stateDir));
  await store.update((state) =>
    withSystemTrial(state, {
      version: step.release.version,
      target: step.release.target,
      deployment: step.release.deployment,
      slot,
      serverWasReachable: context.serverAnswers() > 0,
      appsDown: Object.entries(ports.apps.status()).flatMap(([name, app]) => (app.state === 'running' ? [] : [name])),
      preparedInBoot: options.bootId,
    }),
  );
  if (context.manifest.boot.trial === 'one-shot') {
    context.leave(await context.pointer.takeOnce(slot));
    return;
  }
  const { trialTimeoutSeconds } = options.limits;
  const { disk, runDir } = options;
  await loadTrial({ disk, native: ports.native, facts: ports.facts, slot, manifest, runDir, trialTimeoutSeconds });
  context.leave('kexec');
}

function fetchedManifest(step: StepOf<'trial-system'>, run: StepRun): SlotManifest {
  const target = run.fetched.get(step.release.target);
  if (target?.custom.kind !== 'system') throw new NodeosError('INTERNAL', `${step.release.target} was not fetched`);
  return target.custom.system;
}

/** The other slot may be written only while the pointer names the running one: else it is what a cold boot takes. */
function requireSettled({ pointer, ports }: UpdaterContext): void {
  const named = pointer.read();
  if (named !== ports.facts.slot)
    throw new NodeosError('INTERNAL', `slot ${ports.facts.slot} runs, but a cold boot takes slot ${named}`);
}
