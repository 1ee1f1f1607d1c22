import { basename, dirname, join } from 'node:path';
import { appManifestSchema } from '@nodeos/contracts/app-manifest.ts';
import { updateStatusSchema } from '@nodeos/contracts/device-api.ts';
import { describeError } from '@nodeos/contracts/errors.ts';
import { appNameSchema, parseJson, semverSchema, sha256Schema } from '@nodeos/contracts/validate.ts';
import * as z from 'zod';
import type { InstalledApp } from './ports.ts';
import { type Disk, isMissing, writeDurably } from './updater/disk.ts';

// Loose throughout: a newer system on trial may have written more, and the old one must not forget its apps over it.
const installedAppSchema = z.looseObject({
  manifest: z.looseObject(appManifestSchema.shape),
  target: z.string(),
  sha256: sha256Schema,
  deployment: z.string().nullable(),
});

const systemReleaseSchema = z.looseObject({
  version: semverSchema,
  target: z.string(),
  deployment: z.string().nullable(),
});

/** `state.json`: what this device runs, what is under way, what failed. All that an update must not forget. */
export const agentStateSchema = z.looseObject({
  format: z.literal(1),
  /** Active apps by name. */
  apps: z.record(appNameSchema, installedAppSchema),
  /** An app version whose activation has begun; `tries` counts the beginnings. */
  candidate: installedAppSchema.extend({ tries: z.number().int().min(1) }).nullable(),
  /** The system release that the pointer's slot holds, null where it came with the image. */
  system: systemReleaseSchema.nullable(),
  systemTrial: systemReleaseSchema
    .extend({
      slot: z.enum(['a', 'b']),
      /** The old system reached the server; if not, the new one need not. */
      serverWasReachable: z.boolean(),
      /** Apps that did not run in the old system; they need not run in the new one. */
      appsDown: z.array(z.string()),
      /** Boot in which the trial was prepared (the kernel's boot_id). */
      preparedInBoot: z.string(),
      /** Trials of this release for this deployment, this one counted. */
      tries: z.number().int().min(1).default(1),
    })
    .nullable(),
  /** A release whose last trial ended without a word. */
  cutShort: z
    .looseObject({ target: z.string(), deployment: z.string().nullable(), tries: z.number().int().min(1) })
    .nullable()
    .default(null),
  /** Targets that failed here, by target path. */
  failed: z.record(z.string(), z.looseObject({ deployment: z.string().nullable(), reason: z.string() })),
  /** Ended updates that the server has not acknowledged, oldest first. */
  ended: z.array(updateStatusSchema),
});
export type AgentState = z.infer<typeof agentStateSchema>;
export type InstalledAppState = z.infer<typeof installedAppSchema>;

const FRESH: AgentState = {
  format: 1,
  apps: {},
  candidate: null,
  system: null,
  systemTrial: null,
  cutShort: null,
  failed: {},
  ended: [],
};
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
  return { state: FRESH, damage: faults.length > 0 ? faults.join('; ') : null };
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
