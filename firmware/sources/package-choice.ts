import { NodeosError } from '@nodeos/contracts/errors.ts';
import { parseStanza } from './apt-sources.ts';
import type { PinnedPackage } from './lock.ts';

/** A package version that the signed indexes offer. */
export interface OfferedPackage extends PinnedPackage {
  readonly name: string;
}

/** Reads the output of `apt-cache show`; per name in the order of the output, the newest first. */
export function parseOffers(text: string): Map<string, OfferedPackage[]> {
  const offers = new Map<string, OfferedPackage[]>();
  for (const stanza of text.split(/\n\s*\n/)) {
    const fields = parseStanza(stanza);
    const [name, version, sha256] = [fields.get('package'), fields.get('version'), fields.get('sha256')];
    if (!name || !version || !sha256) continue;
    const list = offers.get(name) ?? [];
    list.push({ name, version, sha256 });
    offers.set(name, list);
  }
  return offers;
}

export type PackageChoice =
  /** The mirror has exactly what the lock names. */
  | { readonly kind: 'pinned'; readonly package: OfferedPackage }
  /** The mirror has moved on: `package` is its newest of the same name. */
  | { readonly kind: 'newer'; readonly package: OfferedPackage; readonly pin: PinnedPackage }
  /** The lock does not name the package. */
  | { readonly kind: 'unpinned'; readonly package: OfferedPackage };

/**
 * Decides which offered version of a package is taken.
 * @throws NodeosError SOURCE_MISMATCH when the pinned version is offered with other bytes; NOT_FOUND when nothing is offered
 */
export function choosePackage(
  name: string,
  pin: PinnedPackage | undefined,
  offers: readonly OfferedPackage[],
): PackageChoice {
  const newest = offers[0];
  if (!newest) throw new NodeosError('NOT_FOUND', `Debian has no package ${name} for this architecture`);
  if (!pin) return { kind: 'unpinned', package: newest };
  const same = offers.find((offer) => offer.version === pin.version);
  if (!same) return { kind: 'newer', package: newest, pin };
  if (same.sha256 === pin.sha256) return { kind: 'pinned', package: same };
  throw new NodeosError(
    'SOURCE_MISMATCH',
    `${name} ${pin.version} has sha256 ${same.sha256} at the mirror, but ${pin.sha256} in the lock file`,
  );
}
