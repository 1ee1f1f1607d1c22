import type { DeploymentPatch, DeploymentRecord } from '../store/rollouts.ts';
import type { Store } from '../store/store.ts';
import { appendEntries } from './audit-log.ts';

type Named = Pick<DeploymentRecord, 'id' | 'target' | 'state' | 'reason'>;

/**
 * Writes down what deployments do by themselves: that one was halted or turned back must be found as who began it.
 * Belongs into the transaction that does it, so that neither is there without the other.
 */
export async function recordState(store: Store, { id, target, state, reason }: Named, now: number): Promise<void> {
  const event = {
    ...{ actor: 'server', address: '', action: `deployment ${state}`, target: `/deployments/${id}` },
    ...{ outcome: 'accepted' as const, details: reason === null ? target : `${target}: ${reason}` },
  };
  await appendEntries(store, [event], now);
}

/** Changes a deployment and writes down the state that it comes into; belongs into a transaction. */
export async function changeDeployment(
  store: Store,
  record: DeploymentRecord,
  patch: DeploymentPatch,
  now: number,
): Promise<void> {
  await store.rollouts.updateDeployment(record.id, patch);
  const next = { ...record, ...patch };
  if (next.state !== record.state) await recordState(store, next, now);
}
