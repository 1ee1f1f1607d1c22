import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { appTargetPath, systemTargetPath } from '@nodeos/contracts/release.ts';
import type { SlotManifest } from '@nodeos/contracts/slot-manifest.ts';
import lessThan from 'semver/functions/lt.js';
import type { TrustedTarget } from './metadata.ts';

/** What a release must fit: the running system, and what native addons must be built for, e.g. `linux-x64-glibc`. */
export interface Fit {
  readonly manifest: Pick<SlotManifest, 'board' | 'version'>;
  readonly abi: string;
}

/**
 * The wish of the server and the signed description must mean the same release, and it must fit this device.
 * @throws NodeosError RELEASE_INCOMPATIBLE
 */
export function requireApp(target: TrustedTarget, name: string, version: string, { manifest, abi }: Fit): AppManifest {
  const { custom, path } = target;
  if (custom.kind !== 'app') throw incompatible(`${path} is not an app`);
  const { app } = custom;
  if (app.name !== name || app.version !== version)
    throw incompatible(`${path} is signed as ${app.name} ${app.version}, not as ${name} ${version}`);
  if (app.abi !== 'any' && app.abi !== abi)
    throw incompatible(`${path} is built for ${app.abi}, this device is ${abi}`);
  if (path !== appTargetPath(app.name, app.version, app.abi))
    throw incompatible(`${path} does not stand where ${app.name} ${app.version} belongs`);
  requireNewEnough(target, manifest.version);
  return app;
}

/** As requireApp, for a system release. */
export function requireSystem(
  target: TrustedTarget,
  version: string,
  { manifest }: Pick<Fit, 'manifest'>,
): SlotManifest {
  const { board } = manifest;
  const { custom, path } = target;
  if (custom.kind !== 'system') throw incompatible(`${path} is not a system release`);
  const { system } = custom;
  if (system.board !== board) throw incompatible(`${path} is built for ${system.board}, this device is ${board}`);
  if (system.version !== version) throw incompatible(`${path} is signed as ${system.version}, not as ${version}`);
  if (path !== systemTargetPath(board, version))
    throw incompatible(`${path} does not stand where ${board} ${version} belongs`);
  requireNewEnough(target, manifest.version);
  return system;
}

function requireNewEnough({ custom, path }: TrustedTarget, runs: string): void {
  const { minimumSystem } = custom;
  if (minimumSystem !== undefined && lessThan(runs, minimumSystem))
    throw incompatible(`${path} needs system ${minimumSystem} or newer, this device runs ${runs}`);
}

function incompatible(message: string): NodeosError {
  return new NodeosError('RELEASE_INCOMPATIBLE', message);
}
