import { describeError, isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import { delay } from '../backoff.ts';
import type { InstalledApp } from '../ports.ts';
import { soak, soakUntil, startFailed, untilHealthy, whileAlive } from './health.ts';
import type { Instance } from './instance.ts';
import { probeKind } from './probe.ts';
import type { RunningApp } from './running-app.ts';

/** Memory that must be left beside the old version for a second Node.js process to start. */
export const OVERLAP_MEMORY_MIN_KIB = 56 * 1024;

export interface SwapOptions {
  readonly startTimeoutMs?: number;
  readonly availableMemoryKiB: () => Promise<number>;
  readonly onPhase: (phase: 'starting' | 'soaking') => void;
  /** See AppRuntime.activate. */
  readonly gate?: ((signal: AbortSignal) => Promise<void>) | undefined;
}

/**
 * Replaces what runs by the candidate and waits until it has held.
 * @throws NodeosError APP_START_FAILED, APP_PROBE_FAILED or the gate's, after `previous`, if any, serves again
 */
export async function swapTo(
  app: RunningApp,
  candidate: InstalledApp,
  previous: InstalledApp | null,
  options: SwapOptions,
): Promise<void> {
  const limitOf = ({ manifest }: InstalledApp): number =>
    manifest.startMs ?? options.startTimeoutMs ?? DEVICE_LIMITS.appStartTimeoutMs;
  const limitMs = limitOf(candidate);
  options.onPhase('starting');
  let fresh: Instance | null = null;
  let oldGone: Promise<void> = Promise.resolve();
  try {
    if (await canOverlap(app, candidate, options)) {
      fresh = await startHeld(app, candidate, limitMs);
      oldGone = stopOld(app);
      fresh.go();
      await untilListening(fresh, limitMs + app.app.manifest.stopGraceMs);
    } else {
      await stopOld(app);
      await app.settleData(candidate, previous);
      fresh = await launch(app, candidate, false);
    }
    app.showTrial(fresh);
    await untilHealthy(fresh, limitMs);
    options.onPhase('soaking');
    await soak(fresh, candidate.manifest.soakMs);
    if (options.gate) await soakUntil(fresh, options.gate);
    await oldGone;
    // The last probe may have been answered and the process have ended since.
    if (fresh.ending) throw startFailed(fresh, fresh.reason());
  } catch (error) {
    if (fresh) await fresh.stop(candidate.manifest.stopGraceMs);
    await oldGone;
    await restore(app, fresh, previous, previous === null ? 0 : limitOf(previous));
    throw isNodeosError(error) ? error : new NodeosError('APP_START_FAILED', describeError(error), { cause: error });
  }
  app.adopt(fresh);
}

/** Two at once need something to overlap with, a start that can be held back, and memory. */
async function canOverlap(app: RunningApp, candidate: InstalledApp, options: SwapOptions): Promise<boolean> {
  if (candidate.manifest.swap !== 'overlap' || app.instance === null) return false;
  if (!canBeHeld(candidate) || app.needsMigration(candidate)) return false;
  return (await options.availableMemoryKiB()) >= OVERLAP_MEMORY_MIN_KIB;
}

/** Only Node.js itself loads the preload script. */
export function canBeHeld(app: InstalledApp): boolean {
  return /(^|\/)node$/.test(app.manifest.start[0] as string);
}

/** Starts the candidate beside the old version and waits until it wants to take over. */
async function startHeld(app: RunningApp, candidate: InstalledApp, limitMs: number): Promise<Instance> {
  const fresh = await launch(app, candidate, true);
  // An app with a port is ready when it wants to listen; any other when its main module has been evaluated.
  const words = hasPort(candidate) ? ['ready'] : ['ready', 'started'];
  try {
    await untilSaid(fresh, words, limitMs, 'did not come to listen');
    return fresh;
  } catch (error) {
    await fresh.stop(candidate.manifest.stopGraceMs);
    throw error;
  }
}

/** While the old version holds the port it also answers the probe, and that says nothing of the new one. */
async function untilListening(fresh: Instance, limitMs: number): Promise<void> {
  if (hasPort(fresh.app)) await untilSaid(fresh, ['listening'], limitMs, 'did not get its port');
}

function untilSaid(fresh: Instance, words: readonly string[], limitMs: number, fault: string): Promise<void> {
  return whileAlive(fresh, async (signal) => {
    const late = delay(limitMs, signal).then(() => {
      if (!signal.aborted) throw startFailed(fresh, `${fault} within ${limitMs} ms`);
    });
    await Promise.race([fresh.said(words), late]);
  });
}

function hasPort(app: InstalledApp): boolean {
  return probeKind(app.manifest) !== 'alive';
}

async function launch(app: RunningApp, candidate: InstalledApp, hold: boolean): Promise<Instance> {
  try {
    return await app.launch(candidate, hold);
  } catch (cause) {
    const { name, version } = candidate.manifest;
    throw new NodeosError('APP_START_FAILED', `${name} ${version} could not be started: ${describeError(cause)}`, {
      cause,
    });
  }
}

function stopOld(app: RunningApp): Promise<void> {
  const graceMs = app.app.manifest.stopGraceMs;
  return app.detach()?.stop(graceMs) ?? Promise.resolve();
}

/** Where the old version was never stopped it still serves; else it is started again. */
async function restore(
  app: RunningApp,
  fresh: Instance | null,
  previous: InstalledApp | null,
  limitMs: number,
): Promise<void> {
  const oldStillRuns = app.instance !== null && app.instance !== fresh;
  if (oldStillRuns) return;
  app.detach();
  if (!previous) return app.stop();
  await app.keepRunning(previous);
  await app.untilRunning(limitMs).catch(() => {});
}
