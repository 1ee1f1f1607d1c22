import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Board } from '@nodeos/contracts/board.ts';
import { describeError, isNodeosError } from '@nodeos/contracts/errors.ts';
import { type Bundle, bundleApp } from '@nodeos/firmware/bundle/bundle-app.ts';
import type { BuildContext } from '@nodeos/firmware/context.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import type { CheckedPackage } from './packages.ts';

/** A package as an app that uses it once and says what it saw; or why there is none. */
export type BundledPackage = CheckedPackage & { readonly folder: string } & (
    | { readonly bundle: Bundle; readonly refused: null }
    | { readonly bundle: null; readonly refused: string }
  );

/** A folder's name for a package, which may have a scope. */
export function folderOf(name: string): string {
  return name.replace('@', '').replaceAll(/[^a-z0-9-]/g, '-');
}

/** Makes an app of a package and bundles it as any other. */
export async function bundlePackage(
  build: BuildContext,
  board: Board,
  into: string,
  item: CheckedPackage,
): Promise<BundledPackage> {
  const folder = join(into, folderOf(item.name));
  await mkdir(folder, { recursive: true });
  const manifest = {
    ...{ name: `uses-${folderOf(item.name)}`.slice(0, 32), version: '1.0.0', private: true },
    scripts: { start: 'node check.cjs' },
    dependencies: { [item.name]: item.version },
  };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'check.cjs'), checkProgram(item.use));
  try {
    const lock = ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await runTool('npm', lock, { cwd: folder, signal: build.signal });
    const bundle = await bundleWithLock(build, board, folder);
    return { ...item, folder, bundle, refused: null };
  } catch (error) {
    if (!isNodeosError(error)) throw error;
    return { ...item, folder, bundle: null, refused: describeError(error) };
  }
}

/** A registry that lacks packages for other machines gives a lock file that npm itself then refuses. */
async function bundleWithLock(build: BuildContext, board: Board, folder: string): Promise<Bundle> {
  const options = { folder, board, out: join(folder, 'app.sqfs') };
  try {
    return await bundleApp(build, options);
  } catch (error) {
    if (!isNodeosError(error) || error.code !== 'LOCK_MISMATCH') throw error;
    await rm(join(folder, 'package-lock.json'));
    return bundleApp(build, options);
  }
}

/** Says `ok <what was seen>` or `failed <why>` on one line and ends. */
function checkProgram(use: string): string {
  return `'use strict';
const assert = require('node:assert');
const importIt = (name) => import(name);
const { once } = require('node:events');
async function ask(server, path) {
  if (!server.listening) await once(server, 'listening');
  const answer = await fetch('http://127.0.0.1:' + server.address().port + path, { headers: { connection: 'close' } });
  return (await answer.text()).slice(0, 4000);
}
async function use() {
  ${use};
}
const say = (word, text) => process.stdout.write(word + ' ' + String(text).split('\\n')[0].slice(0, 200) + '\\n', () => process.exit());
process.on('uncaughtException', (error) => say('failed', error.message));
use().then((seen) => say('ok', seen), (error) => say('failed', error.message || error));
`;
}
