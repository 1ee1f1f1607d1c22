import type { AppManifest } from '@nodeos/contracts/app-manifest.ts';
import { DEVELOPMENT_LIMITS } from '@nodeos/contracts/development.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { FIRST_USER } from '../apps/folder-users.ts';

/**
 * What an unsigned manifest may ask for: less than a signed one, unless the app's release was signed with as much.
 * @returns the manifest to run with: a home of its own, none of the device's users and data
 * @throws NodeosError INPUT_INVALID, DEVELOPMENT_REFUSED
 */
export function admitManifest(app: string, manifest: AppManifest, released: AppManifest | null): AppManifest {
  if (manifest.name !== app) throw new NodeosError('INPUT_INVALID', `the session is for ${app}, not ${manifest.name}`);
  if (app === FIRST_USER) throw refused(`the user ${FIRST_USER} sees the homes of all others`);
  if (manifest.kiosk && !released?.kiosk) throw refused('it asks for the whole machine, and its release does not');
  const nodes = manifest.devices.filter((device) => /^\/dev\/|^fuse\b/.test(device));
  const foreign = nodes.filter((device) => !released?.devices.includes(device));
  if (foreign.length > 0) throw refused(`it asks for ${foreign.join(', ')}, and its release does not`);
  const memoryMaxMiB = Math.max(DEVELOPMENT_LIMITS.memoryMaxMiB, released?.memoryMiB ?? 0);
  if (manifest.memoryMiB > memoryMaxMiB)
    throw refused(`it asks for ${manifest.memoryMiB} MiB of memory; a session may have ${memoryMaxMiB} here`);
  const { user: _user, data: _data, dependsOn: _dependsOn, holdUpdatesMs: _holdUpdatesMs, ...rest } = manifest;
  return { ...rest, stopGraceMs: Math.min(rest.stopGraceMs, DEVELOPMENT_LIMITS.stopGraceMaxMs) };
}

function refused(why: string): NodeosError {
  return new NodeosError('DEVELOPMENT_REFUSED', `no development session: ${why}`, {
    hint: 'Deploy a signed release that asks for it first, or take it out of package.json while you develop.',
  });
}
