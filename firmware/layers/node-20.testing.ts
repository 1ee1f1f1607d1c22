import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The oldest Node that the agent must run on, as 32-bit boards have it: NODEOS_NODE_20, or the first one on the PATH. */
export function findNode20(): string | null {
  const named = process.env.NODEOS_NODE_20;
  const places = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  for (const place of named ? [named] : places)
    if (existsSync(place) && /^v20\./.test(execFileSync(place, ['--version']).toString())) return place;
  return null;
}
