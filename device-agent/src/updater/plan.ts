import type { CurrentState, DesiredState, WantedRelease } from '@nodeos/contracts/desired-state.ts';

/** One thing to do; steps are done in order, and each may be done again without harm. */
export type Step =
  | { readonly kind: 'remove-app'; readonly name: string }
  | { readonly kind: 'fetch-app'; readonly name: string; readonly release: WantedRelease }
  | { readonly kind: 'activate-app'; readonly name: string; readonly release: WantedRelease }
  | { readonly kind: 'fetch-system'; readonly release: WantedRelease }
  | { readonly kind: 'trial-system'; readonly release: WantedRelease };
export type StepKind = Step['kind'];

/**
 * What leads from the current to the desired state; empty where there is nothing to do. Removing comes first, as it
 * makes room; the system comes last, as its trial ends everything else that is under way.
 * The server decides on versions, also on an older one; what may not go back is the signed metadata.
 */
export function planUpdate(current: CurrentState, desired: DesiredState): Step[] {
  return [...planRemovals(current, desired), ...planApps(current, desired), ...planSystem(current, desired)];
}

function planRemovals(current: CurrentState, desired: DesiredState): Step[] {
  return [...new Set(desired.removeApps)]
    .filter((name) => Object.hasOwn(current.apps, name) && !Object.hasOwn(desired.apps, name))
    .sort()
    .map((name) => ({ kind: 'remove-app', name }));
}

function planApps(current: CurrentState, desired: DesiredState): Step[] {
  return Object.entries(desired.apps)
    .filter(([name, release]) => ownValue(current.apps, name)?.version !== release.version)
    .filter(([, release]) => !hasFailed(current, release))
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([name, release]): Step[] => {
      const fetch: Step = { kind: 'fetch-app', name, release };
      return release.apply === 'download' ? [fetch] : [fetch, { kind: 'activate-app', name, release }];
    });
}

function planSystem(current: CurrentState, desired: DesiredState): Step[] {
  const release = desired.system;
  if (!release || release.version === current.system.version || hasFailed(current, release)) return [];
  // The other slot is the one that the device would go back to.
  if (current.trial) return [];
  const fetch: Step = { kind: 'fetch-system', release };
  return release.apply === 'download' ? [fetch] : [fetch, { kind: 'trial-system', release }];
}

/** A target that failed is tried again only for another deployment. */
function hasFailed(current: CurrentState, release: WantedRelease): boolean {
  const failure = ownValue(current.failed, release.target);
  return failure !== undefined && failure.deployment === release.deployment;
}

/** An app may be called `constructor`. */
function ownValue<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
