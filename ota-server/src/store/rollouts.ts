import type { DesiredState } from '@nodeos/contracts/desired-state.ts';
import type { Deployment, Group } from '@nodeos/contracts/operator-api.ts';
import type { RolloutPolicy } from '@nodeos/contracts/rollout.ts';

export interface DeploymentRecord {
  readonly id: string;
  /** Grows with each deployment: of two, the one with the larger number is newer. */
  readonly sequence: number;
  readonly target: string;
  readonly kind: Deployment['kind'];
  readonly name: string;
  readonly version: string;
  readonly to: Deployment['to'];
  readonly rollout: RolloutPolicy;
  readonly state: Deployment['state'];
  readonly reason: string | null;
  /** Index of the wave that runs. */
  readonly wave: number;
  /** Highest wave that was approved; -1 for none. */
  readonly approvedWave: number;
  readonly createdAt: number;
  readonly endedAt: number | null;
}
export type DeploymentPatch = Partial<Pick<DeploymentRecord, 'state' | 'reason' | 'wave' | 'approvedWave' | 'endedAt'>>;

/** What became of one deployment on one device. */
export interface Assignment {
  readonly deployment: string;
  readonly device: string;
  readonly state: Deployment['devices'][number]['state'];
  readonly percent: number | null;
  readonly reason: string | null;
  /** Generation of the desired state that last changed for the deployment. */
  readonly generation: number;
  readonly wave: number;
  /** Attempts begun. */
  readonly attempts: number;
  readonly notBefore: number | null;
  /** When it came into its state. */
  readonly since: number;
  /** When the last attempt was allowed to begin. */
  readonly releasedAt: number | null;
  /** What the device ran before; null where it had nothing, target null where that is not published. */
  readonly previous: { readonly version: string; readonly target: string | null } | null;
  /**
   * It has ended, and the device has confirmed a newer deployment of the same lane since: nobody asks for it as long as that one
   * counts. What is older in the lane is past too.
   */
  readonly past?: true;
}

export interface AssignmentFilter {
  readonly deployment?: string;
  readonly devices?: readonly string[];
  readonly past?: boolean;
}

/** How many devices of one wave are in one state. */
export type AssignmentCount = Pick<Assignment, 'deployment' | 'wave' | 'state'> & { readonly count: number };

export type GroupRecord = Omit<Group, 'size'>;

/** Deployments of one fleet, what became of them on each device, and the groups they may go to. */
export interface Rollouts {
  putGroup(group: GroupRecord): Promise<void>;
  getGroup(name: string): Promise<GroupRecord | null>;
  /** By name. */
  listGroups(): Promise<GroupRecord[]>;
  removeGroup(name: string): Promise<void>;

  addDeployment(deployment: Omit<DeploymentRecord, 'sequence'>): Promise<DeploymentRecord>;
  getDeployment(id: string): Promise<DeploymentRecord | null>;
  /** Newest first. */
  listDeployments(): Promise<DeploymentRecord[]>;
  updateDeployment(id: string, patch: DeploymentPatch): Promise<void>;

  /** Rows that are new, which is quicker where there are many. @throws where one is there already */
  addAssignments(assignments: readonly Assignment[]): Promise<void>;
  /** Rows that may be there already. */
  putAssignments(assignments: readonly Assignment[]): Promise<void>;
  /** @param filter with `past` only those that are, or only those that are not */
  listAssignments(filter: AssignmentFilter): Promise<Assignment[]>;
  countAssignments(deployments: readonly string[]): Promise<AssignmentCount[]>;
  /** Of each deployment so many at most, first those whose state comes first in `order`; between them by device. */
  listFirstAssignments(
    deployments: readonly string[],
    order: readonly Assignment['state'][],
    limit: number,
  ): Promise<Assignment[]>;
  /** Those of the devices that wait have been told. @returns the deployments of which one changed */
  markTold(devices: readonly string[], now: number): Promise<string[]>;
  /** Desired states by device id. */
  setDesired(desired: ReadonlyMap<string, DesiredState>): Promise<void>;
}
