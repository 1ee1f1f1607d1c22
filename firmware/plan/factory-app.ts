import { type AgentState, FRESH_AGENT_STATE } from '@nodeos/contracts/agent-state.ts';
import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import type { Board } from '@nodeos/contracts/board.ts';
import { appTargetPath } from '@nodeos/contracts/release.ts';
import { MIB } from './layout.ts';

/** An app that a device runs from its first boot, without a server. */
export interface FactoryApp {
  readonly manifest: AppManifest;
  /** Of the bundle, hex. */
  readonly sha256: string;
  readonly bytes: number;
}

export interface FactoryTree {
  /** Absolute paths in the data file system, parents first. */
  readonly folders: readonly { readonly path: string; readonly mode: number }[];
  readonly files: readonly { readonly path: string; readonly mode: number; readonly content: 'bundle' | 'state' }[];
}

/** Users' homes, and what is the system's own. */
const FOLDERS = [
  { path: '/users', mode: 0o755 },
  { path: '/.system', mode: 0o700 },
] as const;
const AGENT = '/.system/agent';

/** What the data partition holds from the factory on: where the agent keeps bundles and the list of them. */
export function factoryTree(app: Pick<FactoryApp, 'sha256'> | null): FactoryTree {
  if (app === null) return { folders: FOLDERS, files: [] };
  return {
    folders: [...FOLDERS, { path: AGENT, mode: 0o700 }, { path: `${AGENT}/bundles`, mode: 0o700 }],
    files: [
      { path: `${AGENT}/bundles/${app.sha256}.sqfs`, mode: 0o600, content: 'bundle' },
      { path: `${AGENT}/state.json`, mode: 0o600, content: 'state' },
    ],
  };
}

/** The agent's `state.json` after it had installed the app without any deployment. */
export function factoryState({ manifest, sha256 }: Pick<FactoryApp, 'manifest' | 'sha256'>): string {
  const target = appTargetPath(manifest.name, manifest.version, manifest.abi);
  const apps = { [manifest.name]: { manifest, target, sha256, deployment: null } };
  return JSON.stringify({ ...FRESH_AGENT_STATE, apps } satisfies AgentState);
}

/** Journal, tables and the homes of the first minutes, before the partition is grown. */
const SPARE_BYTES = 14 * MIB;

/** The board with a data partition that is large enough for the app. */
export function withRoomFor(board: Board, app: Pick<FactoryApp, 'bytes'> | null): Board {
  const needed = Math.ceil(((app?.bytes ?? 0) + SPARE_BYTES) / MIB);
  if (app === null || needed <= board.partitions.dataMiB) return board;
  return { ...board, partitions: { ...board.partitions, dataMiB: needed } };
}
