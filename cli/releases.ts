import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Release, releaseSchema } from '@nodeos/contracts/operator-api.ts';
import { z } from 'zod';
import type { ServerClient } from './client.ts';

const releasesSchema = z.object({ releases: z.array(releaseSchema) });

export async function listReleases(client: ServerClient): Promise<Release[]> {
  return (await client.get('/releases', releasesSchema)).releases;
}

/**
 * Finds a release by its target path or by `name@version`; `system@version` and `<board>@version` mean a system.
 * @throws NodeosError RELEASE_UNKNOWN, INPUT_INVALID where it could be several
 */
export function chooseRelease(releases: readonly Release[], wanted: string): Release {
  const at = wanted.lastIndexOf('@');
  const [name, version] = [wanted.slice(0, at), wanted.slice(at + 1)];
  const names = (release: Release): string[] =>
    release.custom.kind === 'system' ? [release.name, 'system', release.custom.system.board] : [release.name];
  const found = releases.filter(
    (release) => release.target === wanted || (at > 0 && release.version === version && names(release).includes(name)),
  );
  if (found.length === 1) return found[0] as Release;
  if (found.length === 0) throw new NodeosError('RELEASE_UNKNOWN', `nothing is published as "${wanted}"`);
  throw new NodeosError('INPUT_INVALID', `"${wanted}" could be ${found.map((release) => release.target).join(', ')}`, {
    hint: 'Name the target itself.',
  });
}
