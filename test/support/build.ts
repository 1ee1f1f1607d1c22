import assert from 'node:assert/strict';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type CommandOptions, nodeos } from './command.ts';

/** What `nodeos build --json` prints, as far as the tests use it. */
export interface Built {
  readonly files: Readonly<Record<string, string>>;
  readonly sizes: Readonly<Record<string, number>>;
  readonly layers: readonly { readonly name: string; readonly cached: boolean; readonly seconds: number }[];
  readonly diskId: string;
}

/** Builds with the product's own command; layers that exist come out of the cache that all system tests share. */
export async function build(args: readonly string[], options: CommandOptions = {}): Promise<Built> {
  const result = await nodeos(['build', '--json', ...args], options);
  assert.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout) as Built;
}

export function sharedCache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'nodeos');
}
