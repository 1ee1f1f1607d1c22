import type { AgentState, InstalledAppState } from '@nodeos/contracts/agent-state.ts';
import type { WantedRelease } from '@nodeos/contracts/desired-state.ts';
import type { SystemTrial, SystemTrialPlan } from './boot-case.ts';
import { toStatus, type UpdateSubject } from './status-board.ts';

/** How updates change what is remembered; pure. */

export function withoutApp(state: AgentState, name: string): AgentState {
  const { [name]: _, ...apps } = state.apps;
  return { ...state, apps };
}

/** The activation of an app version begins, maybe again after the device went down in it. */
export function withCandidate(state: AgentState, app: InstalledAppState): AgentState {
  const again = state.candidate?.target === app.target && state.candidate.deployment === app.deployment;
  return { ...state, candidate: { ...app, tries: again ? (state.candidate?.tries ?? 0) + 1 : 1 } };
}

export function withActiveApp(state: AgentState, app: InstalledAppState): AgentState {
  const { manifest, target, deployment } = app;
  const subject = { name: manifest.name, release: { version: manifest.version, target, deployment } };
  return ended({ ...state, apps: { ...state.apps, [manifest.name]: app }, candidate: null }, subject, null);
}

export function withSystemTrial(state: AgentState, trial: SystemTrialPlan): AgentState {
  const { cutShort } = state;
  const again = cutShort?.target === trial.target && cutShort.deployment === trial.deployment;
  return { ...state, systemTrial: { ...trial, tries: again ? (cutShort?.tries ?? 0) + 1 : 1 } };
}

/** The count of trials is kept for the next one. */
export function withTrialCutShort(state: AgentState, { target, deployment, tries }: SystemTrial): AgentState {
  return { ...state, systemTrial: null, cutShort: { target, deployment, tries } };
}

export function withConfirmedSystem(state: AgentState, trial: SystemTrial): AgentState {
  const { version, target, deployment } = trial;
  const release = { version, target, deployment };
  return ended({ ...state, system: release, systemTrial: null, cutShort: null }, { name: null, release }, null);
}

/** The boot loader left the pointer's slot: what was confirmed there is not what runs now. */
export function withAbandonedSystem(state: AgentState, reason: string): AgentState {
  if (!state.system) return state;
  return withFailure({ ...state, system: null }, { name: null, release: state.system }, reason);
}

/** A release will not be tried again for its deployment. */
export function withFailure(state: AgentState, subject: UpdateSubject, reason: string): AgentState {
  const { target, deployment } = subject.release;
  const failed = { ...state.failed };
  // Taken out first, so that it moves to the end: the oldest entries are dropped first.
  delete failed[target];
  failed[target] = { deployment, reason: reason.slice(0, 2000) };
  const cleared =
    subject.name === null
      ? { systemTrial: null, cutShort: null }
      : state.candidate?.target === target
        ? { candidate: null }
        : {};
  return ended({ ...state, ...cleared, failed }, subject, reason);
}

function ended(state: AgentState, subject: UpdateSubject, reason: string | null): AgentState {
  const release: WantedRelease = subject.release;
  const status = toStatus(subject, reason === null ? 'confirmed' : 'failed', null, reason);
  const others = state.ended.filter(
    (other) =>
      other.lane !== status.lane ||
      other.name !== status.name ||
      other.target !== release.target ||
      other.deployment !== release.deployment,
  );
  const failed = { ...state.failed };
  if (reason === null) delete failed[release.target];
  return { ...state, failed, ended: [...others, status] };
}
