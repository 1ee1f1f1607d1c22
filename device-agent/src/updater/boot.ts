import { describeError } from '@nodeos/contracts/errors.ts';
import { toInstalledApp } from '../state.ts';
import { activeApp } from './app-steps.ts';
import { withTrialCutShort } from './bookkeeping.ts';
import { type BootCase, judgeBoot } from './boot-case.ts';
import { lastFailurePath, readLastFailure, type UpdaterContext } from './context.ts';
import { noteConfirmed, noteFailedTrial } from './trial-run.ts';

/** Starts the active apps; one whose bundle is gone waits for the server to want it again. */
export async function startActiveApps(context: UpdaterContext): Promise<void> {
  const { ports, store } = context;
  for (const name of Object.keys(store.state.apps)) {
    const app = await activeApp(context, name);
    if (app) void ports.apps.start(toInstalledApp(ports.stateDir, app));
    else ports.event('error', `the bundle of ${name} is gone; it is fetched again`);
  }
}

/**
 * Looks at pointer, running slot and notes. The last boot's own word on why it ended is taken away once it is noted.
 * @returns with `crashed` where the last boot was one of this slot's and somebody says that it crashed
 */
export async function lookAtBoot(context: UpdaterContext): Promise<{ boot: BootCase; crashed: boolean }> {
  const { options, ports, store } = context;
  const { facts } = ports;
  let pointer: 'a' | 'b' | null = null;
  try {
    pointer = context.pointer.read();
  } catch (error) {
    ports.event('error', `the pointer cannot be read: ${describeError(error)}`);
  }
  const told = await readLastFailure(context);
  // Read also where init or the agent has told: the record of a crash must not be taken for the next one's.
  const evidence = await options.lastBoot();
  const lastFailure = told ?? evidence;
  const { systemTrial } = store.state;
  const boot = judgeBoot({
    running: facts.slot,
    pointer,
    trialSeconds: facts.trial,
    systemTrial,
    bootId: options.bootId,
    lastFailure,
    trialsMax: options.limits.systemTrialsMax,
  });
  if (boot.kind === 'trial-not-begun') {
    await context.pointer.forgetOnce();
    await store.update((state) => ({ ...state, systemTrial: null }));
    ports.event('trial', `the trial of system ${systemTrial?.version} had not begun; it is prepared again`);
  }
  if (boot.kind === 'trial-cut-short') {
    await store.update((state) => withTrialCutShort(state, boot.trial));
    ports.event(
      'trial',
      `the trial of system ${boot.trial.version} ended without a word (power cut, panic or hang); it is tried again`,
    );
  }
  if (boot.kind === 'trial-confirmed') await noteConfirmed(context, boot.trial);
  if (boot.kind === 'trial-failed') await noteFailedTrial(context, boot.trial, boot.reason);
  else if (lastFailure && boot.kind !== 'trial') ports.event('error', `the last boot ended: ${lastFailure}`);
  if (told) await options.disk.remove(lastFailurePath(ports.stateDir));
  return { boot, crashed: boot.kind === 'settled' && lastFailure !== null };
}
