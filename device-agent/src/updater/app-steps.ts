import { join } from 'node:path';
import type { InstalledAppState } from '@nodeos/contracts/agent-state.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { bundlePath, toInstalledApp } from '../state.ts';
import { type Destination, download } from '../trust/download.ts';
import { openFileDestination } from '../trust/file-destination.ts';
import { findTarget, type TrustedTarget } from '../trust/metadata.ts';
import { hashFromMedium } from '../trust/read-back.ts';
import { requireApp } from '../trust/release-check.ts';
import { appGate, judgeAppFault } from './app-gate.ts';
import { withActiveApp, withCandidate, withoutApp } from './bookkeeping.ts';
import { trustPorts, type UpdaterContext } from './context.ts';
import { untilReleased } from './held-update.ts';
import type { Step } from './plan.ts';
import type { UpdateSubject } from './status-board.ts';

/** What the steps of one run hand to one another. */
export interface StepRun {
  /** Given when a newer desired state no longer wants the release. */
  readonly signal: AbortSignal;
  /** Targets whose bytes lie verified on this device, by target path. */
  readonly fetched: Map<string, TrustedTarget>;
  /** Bytes have come: the network is not dead. */
  readonly progressed: () => void;
}

type StepOf<Kind extends Step['kind']> = Extract<Step, { kind: Kind }>;

/** Fetches a target's bytes, verified, and shows how far it is. */
export async function fetchTo(
  destination: Destination,
  target: TrustedTarget,
  { board, options, ports }: UpdaterContext,
  subject: UpdateSubject,
  run: StepRun,
): Promise<void> {
  await download(ports.http, target, destination, {
    limits: options.limits,
    signal: run.signal,
    onPercent: (percent) => {
      run.progressed();
      board.show(subject, 'fetching', { percent });
    },
    onVerifying: () => board.show(subject, 'verifying'),
  });
}

/** Fetches a bundle to `bundles/<sha256>.sqfs`, verified. */
export async function fetchApp(context: UpdaterContext, step: StepOf<'fetch-app'>, run: StepRun): Promise<void> {
  const { board, options, ports } = context;
  board.show(step, 'fetching', { percent: 0 });
  const target = await findTarget(trustPorts(context), step.release.target, run.signal);
  requireApp(target, step.name, step.release.version, { manifest: context.manifest, abi: options.abi });
  const path = bundlePath(ports.stateDir, target.sha256);
  if (!(await isWhole(context, path, target))) {
    await options.disk.remove(path);
    const destination = await openFileDestination(options.disk, path);
    try {
      await fetchTo(destination, target, context, step, run);
    } finally {
      await destination.close();
    }
  }
  run.fetched.set(target.path, target);
}

/** Makes a fetched bundle the running version, or leaves the previous one running. */
export async function activateApp(context: UpdaterContext, step: StepOf<'activate-app'>, run: StepRun): Promise<void> {
  const { board, options, ports, store } = context;
  const target = run.fetched.get(step.release.target);
  if (target?.custom.kind !== 'app') throw new NodeosError('INTERNAL', `${step.release.target} was not fetched`);
  await untilReleased(context, step, target.custom.app.kiosk === true, run);
  const { deployment } = step.release;
  const app: InstalledAppState = {
    manifest: target.custom.app,
    target: target.path,
    sha256: target.sha256,
    deployment,
  };
  const before = await activeApp(context, step.name);
  await store.update((state) => withCandidate(state, app));
  if ((store.state.candidate?.tries ?? 0) > options.limits.appActivationsMax)
    throw new NodeosError(
      'APP_START_FAILED',
      'the device went down again and again, or lost its server, while this version was activated',
    );
  board.show(step, 'installing');
  const { stateDir } = ports;
  const previous = before && toInstalledApp(stateDir, before);
  const onPhase = (phase: 'starting' | 'soaking') => board.show(step, phase === 'starting' ? 'installing' : 'soaking');
  try {
    await ports.apps.activate(toInstalledApp(stateDir, app), previous, onPhase, appGate(context));
  } catch (error) {
    throw await judgeAppFault(context, error, `${step.name} ${step.release.version}`);
  }
  await store.update((state) => withActiveApp(state, app));
  const was = before ? `, was ${before.manifest.version}` : '';
  ports.event('app', `${step.name} ${step.release.version} runs${was}`);
}

export async function removeApp({ ports, store }: UpdaterContext, { name }: StepOf<'remove-app'>): Promise<void> {
  const version = store.state.apps[name]?.manifest.version ?? '';
  await store.update((state) => withoutApp(state, name));
  await ports.apps.remove(name);
  ports.event('app', `${name} ${version} was removed; its home stays`);
}

/** The active version of an app, null where there is none or its bundle is gone. */
export async function activeApp(
  { options, ports, store }: UpdaterContext,
  name: string,
): Promise<InstalledAppState | null> {
  const app = Object.hasOwn(store.state.apps, name) ? store.state.apps[name] : undefined;
  if (!app) return null;
  return (await options.disk.size(bundlePath(ports.stateDir, app.sha256))) === null ? null : app;
}

/**
 * Deletes bundles that nothing names any more.
 * @param fetched what lies here for a later update
 */
export async function removeUnusedBundles(
  { options, ports, store }: UpdaterContext,
  fetched: Iterable<Pick<TrustedTarget, 'sha256'>> = [],
): Promise<void> {
  const { apps, candidate } = store.state;
  const used = new Set(Object.values(apps).map((app) => `${app.sha256}.sqfs`));
  if (candidate) used.add(`${candidate.sha256}.sqfs`);
  for (const { sha256 } of fetched) used.add(`${sha256}.sqfs`);
  const folder = join(ports.stateDir, 'bundles');
  for (const name of await options.disk.list(folder))
    if (!used.has(name)) await options.disk.remove(join(folder, name));
}

async function isWhole({ options }: UpdaterContext, path: string, target: TrustedTarget): Promise<boolean> {
  if ((await options.disk.size(path)) !== target.length) return false;
  return (await hashFromMedium(options.disk, path, 0, target.length)).digest('hex') === target.sha256;
}
