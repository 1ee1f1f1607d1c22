import type { Changes } from '../live/changes.ts';
import { Sequence } from '../sequence.ts';
import type { Store } from '../store/store.ts';
import type { AuditLog } from './audit-log.ts';

export interface RolloutAuditOptions {
  readonly store: Store;
  readonly changes: Changes;
  readonly audit: AuditLog;
  readonly onFault?: (error: unknown) => void;
}

/** Writes down what deployments do by themselves: that one was halted or turned back must be found as who began it. */
export class RolloutAudit {
  readonly #options: RolloutAuditOptions;
  readonly #states = new Map<string, string>();
  /** Seen but not looked at yet: a rollout changes many times a second, its state seldom. */
  readonly #queued = new Set<string>();
  readonly #sequence = new Sequence();
  #unsubscribe: () => void = () => undefined;

  constructor(options: RolloutAuditOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { store, changes, onFault } = this.#options;
    for (const { id, state } of await store.rollouts.listDeployments()) this.#states.set(id, state);
    this.#unsubscribe = changes.subscribe(({ topic, id }) => {
      if (topic !== 'deployments' || this.#queued.has(id)) return;
      this.#queued.add(id);
      this.#sequence.run(() => this.#look(id)).catch((error) => onFault?.(error));
    });
  }

  async close(): Promise<void> {
    this.#unsubscribe();
    await this.#sequence.idle();
  }

  async #look(id: string): Promise<void> {
    this.#queued.delete(id);
    const deployment = await this.#options.store.rollouts.getDeployment(id);
    if (deployment === null || this.#states.get(id) === deployment.state) return;
    this.#states.set(id, deployment.state);
    const { state, target, reason } = deployment;
    await this.#options.audit.record({
      ...{ actor: 'server', address: '', action: `deployment ${state}`, target: `/deployments/${id}` },
      ...{ outcome: 'accepted', details: reason === null ? target : `${target}: ${reason}` },
    });
  }
}
