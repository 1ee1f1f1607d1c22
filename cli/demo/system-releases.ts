import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildResult, buildLayer, type Layer } from '@nodeos/firmware/build.ts';
import type { StoryContext } from './context.ts';

/** The version that the first image holds. */
export const FIRST_SYSTEM = '1.0.0';

/** What all systems of the story have in common. */
export interface SystemOptions {
  /** File with the root of trust; without it the system takes no release. */
  readonly root?: string;
  /** Source text that takes the place of the agent. */
  readonly agent?: string;
}

/** Builds a layer of a system release; only what differs from the versions before is made anew. */
export async function buildSystem(
  context: StoryContext,
  layer: Layer,
  version: string,
  options: SystemOptions = {},
): Promise<BuildResult> {
  let agentOverride: string | undefined;
  if (options.agent !== undefined) {
    agentOverride = join(context.folder, `agent-${version}.js`);
    await writeFile(agentOverride, options.agent);
  }
  const trustRoot = options.root === undefined ? null : await readFile(options.root);
  return buildLayer(context.build, { board: context.board, layer, systemVersion: version, trustRoot, agentOverride });
}
