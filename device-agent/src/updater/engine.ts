import type { DesiredState } from '@nodeos/contracts/desired-state.ts';
import { describeError } from '@nodeos/contracts/errors.ts';
import type { SlotManifest } from '@nodeos/contracts/slot-manifest.ts';
import type { Updater, UpdaterPorts } from '../ports.ts';
import { openPointer, type Pointer } from '../slots/pointer.ts';
import { readRunningManifest } from '../slots/slot.ts';
import { openStateStore, type StateStore } from '../state.ts';
import { lookAtBoot, startActiveApps } from './boot.ts';
import type { BootCase } from './boot-case.ts';
import { createBootCount } from './boot-count.ts';
import type { UpdaterContext } from './context.ts';
import { defaultOptions, type UpdaterOptions } from './options.ts';
import { createRunner, type Executors } from './runner.ts';
import { createStatusBoard } from './status-board.ts';
import { runFallback, runTrial } from './trial-run.ts';

/**
 * Opens the update engine over what the device remembers.
 * @throws NodeosError FILE_UNREADABLE, INPUT_INVALID where the running slot has no manifest
 */
export async function createUpdater(ports: UpdaterPorts, changes: Partial<UpdaterOptions> = {}): Promise<Updater> {
  const options = { ...defaultOptions(), ...changes };
  const manifest = readRunningManifest(ports.slotDir);
  const store = await openStateStore(options.disk, ports.stateDir);
  const pointer = openPointer(manifest.boot.chain, {
    disk: options.disk,
    device: ports.facts.disk,
    start: options.partitionStart(ports.facts.boot_part),
  });
  return assembleUpdater({ ports, options, manifest, store, pointer });
}

/** What the engine works with: a machine's, or what is simulated in its place. */
export interface UpdaterParts {
  readonly ports: UpdaterPorts;
  readonly options: UpdaterOptions;
  /** Of the running slot. */
  readonly manifest: SlotManifest;
  readonly store: StateStore;
  readonly pointer: Pointer;
  readonly executors?: Executors;
}

/** The update engine over its parts. */
export function assembleUpdater({ ports, options, manifest, store, pointer, executors }: UpdaterParts): Updater {
  if (store.damage) ports.event('error', `the stored state was damaged: ${store.damage}`);
  let answers = 0;
  let boot: BootCase | null = null;
  let leaving = false;
  let onTrial = false;
  const context: UpdaterContext = {
    ports,
    options,
    store,
    manifest,
    board: createStatusBoard(store, ports.report, options.monotonicMs),
    pointer,
    serverAnswers: () => answers,
    leave(word) {
      leaving = true;
      ports.init.send(word);
    },
  };
  const runner = createRunner(context, { onTrial: () => onTrial, leaving: () => leaving }, executors);

  const bootCount = createBootCount(context);

  async function noteHealthyBoot(): Promise<void> {
    if (boot && !onTrial) await bootCount.healthy();
  }

  /** The agent must come up whatever happens here: then it can at least be told to update. */
  async function guarded<T>(what: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      ports.event('error', `${what}: ${describeError(error)}`);
      return null;
    }
  }

  async function begin(looked: () => void): Promise<void> {
    await guarded('starting the apps', () => startActiveApps(context));
    const looking = await guarded('looking at the boot', () => lookAtBoot(context));
    boot = looking?.boot ?? { kind: 'settled' };
    onTrial = boot.kind === 'trial' || boot.kind === 'fallback';
    void options.delay(options.limits.bootHealthyMs).then(noteHealthyBoot);
    if (answers > 0) void noteHealthyBoot();
    looked();
    if (!onTrial) void bootCount.agentIsUp(looking?.crashed ?? true);
    if (boot.kind === 'trial') await runTrial(context, boot.trial);
    if (boot.kind === 'fallback') await runFallback(context);
    onTrial = leaving;
  }

  return {
    onBoot: () =>
      new Promise((resolve) => {
        void runner.exclusively(async () => {
          await guarded('the trial', () => begin(resolve));
        });
      }),
    serverReachable() {
      answers++;
      void noteHealthyBoot();
    },
    apply: (desired: DesiredState) => runner.apply(desired),
    updates: () => context.board.all(),
    acknowledge: (updates) => context.board.acknowledge(updates),
    get onTrial() {
      return onTrial;
    },
    get generation() {
      return runner.generation();
    },
  };
}
