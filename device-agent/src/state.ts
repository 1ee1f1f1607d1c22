import { basename, dirname, join } from 'node:path';
import {
  type AgentState,
  agentStateSchema,
  FRESH_AGENT_STATE,
  type InstalledAppState,
} from '@nodeos/contracts/agent-state.ts';
import { describeError } from '@nodeos/contracts/errors.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import type { InstalledApp } from './ports.ts';
import { type Disk, isMissing, writeDurably } from './updater/disk.ts';

/** More than one report carries; the oldest go first. */
const ENDED_MAX = 48;
const FAILED_MAX = 64;

export interface StateStore {
  readonly state: AgentState;
  /** What was wrong with the stored state, null where all was well or nothing was stored. */
  readonly damage: string | null;
  /** Makes a changed state durable; it counts only when this resolves. Calls run one after the other. */
  update(change: (state: AgentState) => AgentState): Promise<void>;
}

/** Opens `<folder>/state.json`; a torn one gives way to the last good copy, else to a fresh state. */
export async function openStateStore(disk: Disk, folder: string): Promise<StateStore> {
  const path = join(folder, 'state.json');
  await disk.makeFolder(folder);
  const { state: initial, damage } = await load(disk, path);
  let state = initial;
  // A torn state.json must not take the place of the last good copy.
  let keepCopy = damage === null;
  let last: Promise<void> = Promise.resolve();
  return {
    get state() {
      return state;
    },
    damage,
    update(change) {
      const next = last.then(async () => {
        const changed = bounded(change(state));
        if (changed === state) return;
        await store(disk, path, changed, keepCopy);
        keepCopy = true;
        state = changed;
      });
      last = next.catch(() => {});
      return next;
    },
  };
}

/** Bundle of an active app or candidate below the state folder. */
export function bundlePath(stateDir: string, sha256: string): string {
  return join(stateDir, 'bundles', `${sha256}.sqfs`);
}

export function toInstalledApp(stateDir: string, app: InstalledAppState): InstalledApp {
  const { manifest, target, sha256, deployment } = app;
  return { manifest, target, sha256, deployment, bundlePath: bundlePath(stateDir, sha256) };
}

async function load(disk: Disk, path: string): Promise<{ state: AgentState; damage: string | null }> {
  const faults: string[] = [];
  for (const candidate of [path, `${path}.bak`]) {
    try {
      const text = (await disk.readFile(candidate)).toString();
      return {
        state: parseJson(agentStateSchema, text, basename(candidate)),
        damage: faults.length > 0 ? faults.join('; ') : null,
      };
    } catch (error) {
      if (!isMissing(error)) faults.push(describeError(error));
    }
  }
  return { state: FRESH_AGENT_STATE, damage: faults.length > 0 ? faults.join('; ') : null };
}

/** At every moment state.json or state.json.bak is whole. */
async function store(disk: Disk, path: string, state: AgentState, keepCopy: boolean): Promise<void> {
  await writeDurably(disk, `${path}.new`, JSON.stringify(state));
  if (keepCopy && (await disk.size(path)) !== null) await disk.rename(path, `${path}.bak`);
  await disk.rename(`${path}.new`, path);
  await disk.syncFolder(dirname(path));
}

function bounded(state: AgentState): AgentState {
  const failed = Object.entries(state.failed);
  if (state.ended.length <= ENDED_MAX && failed.length <= FAILED_MAX) return state;
  return { ...state, ended: state.ended.slice(-ENDED_MAX), failed: Object.fromEntries(failed.slice(-FAILED_MAX)) };
}
