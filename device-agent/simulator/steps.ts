import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { SlotManifest } from '@nodeos/contracts/slot-manifest.ts';
import { otherSlot } from '../src/slots/slot.ts';
import { bundlePath } from '../src/state.ts';
import type { TrustedTarget } from '../src/trust/metadata.ts';
import { requireApp, requireSystem } from '../src/trust/release-check.ts';
import { fetchTo, type StepRun } from '../src/updater/app-steps.ts';
import { withSystemTrial } from '../src/updater/bookkeeping.ts';
import { tryReport, type UpdaterContext } from '../src/updater/context.ts';
import { writeDurably } from '../src/updater/disk.ts';
import { EXECUTORS, type Executors } from '../src/updater/runner.ts';
import type { UpdateSubject } from '../src/updater/status-board.ts';
import type { Character } from './character.ts';
import { createSink, type SharedTrust } from './trust.ts';

export interface SimulatedMedium {
  /** What a slot image was written to the other slot. */
  writeSlot(slot: 'a' | 'b', manifest: SlotManifest): void;
  /** Loads the slot's kernel for the jump that follows. */
  load(slot: 'a' | 'b'): void;
}

/**
 * The engine's steps, but for what they do to a medium: bytes are fetched and hashed as on a device, and then forgotten.
 * Activating and removing apps are the device's own.
 */
export function simulatedExecutors(character: Character, trust: SharedTrust, medium: SimulatedMedium): Executors {
  /** Fetches a target as a device does, as fast as this one is. */
  async function fetchTarget(
    context: UpdaterContext,
    subject: UpdateSubject,
    run: StepRun,
    check: (target: TrustedTarget) => void,
  ): Promise<TrustedTarget> {
    const { board, ports } = context;
    board.show(subject, 'fetching', { percent: 0 });
    const target = await trust.find(ports.http, subject.release.target);
    check(target);
    if (character.installFails) throw new NodeosError('DISK_FULL', 'no space left on the simulated medium');
    await fetchTo(createSink(), target, context, subject, run);
    run.fetched.set(target.path, target);
    return target;
  }

  return {
    'remove-app': EXECUTORS['remove-app'],
    'activate-app': EXECUTORS['activate-app'],
    async 'fetch-app'(context, step, run) {
      const { name, release } = step;
      const target = await fetchTarget(context, step, run, (found) => {
        const abi = found.custom.kind === 'app' ? found.custom.app.abi : '';
        requireApp(found, name, release.version, { manifest: context.manifest, abi });
      });
      await writeDurably(context.options.disk, bundlePath(context.ports.stateDir, target.sha256), '');
    },
    async 'fetch-system'(context, step, run) {
      const subject = { name: null, release: step.release };
      const target = await fetchTarget(context, subject, run, (found) =>
        requireSystem(found, step.release.version, context),
      );
      medium.writeSlot(otherSlot(context.ports.facts.slot), requireSystem(target, step.release.version, context));
    },
    async 'trial-system'(context, step, run) {
      const { board, options, ports, store } = context;
      const target = run.fetched.get(step.release.target);
      if (target?.custom.kind !== 'system') throw new NodeosError('INTERNAL', `${step.release.target} was not fetched`);
      const slot = otherSlot(ports.facts.slot);
      board.show({ name: null, release: step.release }, 'trial');
      ports.event('trial', `system ${step.release.version} is tried in slot ${slot}`);
      await tryReport(context);
      if (run.signal.aborted) throw new NodeosError('FETCH_FAILED', `${step.release.target}: no longer wanted`);
      await store.update((state) =>
        withSystemTrial(state, {
          ...{ version: step.release.version, target: step.release.target, deployment: step.release.deployment, slot },
          ...{ serverWasReachable: context.serverAnswers() > 0, appsDown: [], preparedInBoot: options.bootId },
        }),
      );
      medium.load(slot);
      context.leave('kexec');
    },
  };
}
