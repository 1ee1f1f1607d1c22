import { createHash } from 'node:crypto';
import type { InstalledPackage } from './installed-packages.ts';

export interface AppItem {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly licence: string | null;
  /** Paths of the packages that the app itself loads. */
  readonly dependencies: readonly string[];
}

/** Identifiers of the SPDX licence list that npm packages use; others are given by name, which is always allowed. */
const SPDX_IDS = new Set(
  `0BSD AFL-2.1 AFL-3.0 AGPL-3.0-only AGPL-3.0-or-later Apache-2.0 Artistic-2.0 BlueOak-1.0.0 BSD-2-Clause BSD-3-Clause
  BSD-3-Clause-Clear BSL-1.0 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-4.0 CC0-1.0 EPL-2.0 GPL-2.0-only GPL-2.0-or-later GPL-3.0-only
  GPL-3.0-or-later ISC LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later MIT MIT-0 MPL-2.0 OFL-1.1
  PostgreSQL Python-2.0 Unicode-3.0 Unlicense UPL-1.0 W3C WTFPL X11 Zlib`.split(/\s+/),
);
const HASH_NAMES: Readonly<Record<string, string>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};

/**
 * The bill of materials of an app, CycloneDX 1.6 as JSON. The same packages give the same text: it names no time, and
 * its serial number follows from the content.
 */
export function billOfMaterials(app: AppItem, packages: readonly InstalledPackage[]): string {
  const refs = new Map(packages.map((item) => [item.path, reference(item)]));
  const root = packageUrl(app);
  const byRef = new Map<string, InstalledPackage[]>();
  for (const item of packages) {
    const ref = refs.get(item.path) as string;
    byRef.set(ref, [...(byRef.get(ref) ?? []), item]);
  }
  const sorted = [...byRef].sort(([a], [b]) => (a < b ? -1 : 1));
  const refsOf = (paths: readonly string[]): string[] =>
    [...new Set(paths.map((path) => refs.get(path) as string))].sort();
  const content = {
    metadata: {
      lifecycles: [{ phase: 'build' }],
      tools: { components: [{ type: 'application', name: 'nodeos' }] },
      component: {
        type: 'application',
        'bom-ref': root,
        ...nameOf(app.name),
        version: app.version,
        ...(app.description !== '' && { description: app.description }),
        ...licencesOf(app.licence),
        purl: root,
      },
    },
    components: sorted.map(([ref, [first]]) => componentOf(ref, first as InstalledPackage)),
    dependencies: [
      { ref: root, dependsOn: refsOf(app.dependencies) },
      // One version may lie in several places, and find other packages from each.
      ...sorted.map(([ref, items]) => ({ ref, dependsOn: refsOf(items.flatMap((item) => item.dependencies)) })),
    ],
  };
  const head = { bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: serialNumber(content), version: 1 };
  return `${JSON.stringify({ ...head, ...content }, null, 2)}\n`;
}

function componentOf(ref: string, item: InstalledPackage): object {
  return {
    type: 'library',
    'bom-ref': ref,
    ...nameOf(item.name),
    version: item.version,
    scope: 'required',
    ...hashesOf(item.integrity),
    ...licencesOf(item.licence),
    purl: packageUrl(item),
    ...(item.commit !== null && { pedigree: { commits: [{ uid: item.commit }] } }),
  };
}

/** A version taken from a repository need not be the registry's of the same number. */
function reference(item: InstalledPackage): string {
  return packageUrl(item) + (item.commit === null ? '' : `#${item.commit}`);
}

function nameOf(name: string): { group?: string; name: string } {
  const slash = name.indexOf('/');
  return slash < 0 ? { name } : { group: name.slice(0, slash), name: name.slice(slash + 1) };
}

/** https://github.com/package-url/purl-spec, type npm: the scope is the namespace, its `@` is percent-encoded. */
function packageUrl({ name, version }: { name: string; version: string }): string {
  return `pkg:npm/${name.split('/').map(encodeURIComponent).join('/')}@${encodeURIComponent(version)}`;
}

function hashesOf(integrity: string | null): { hashes?: object[] } {
  const hashes = (integrity ?? '').split(/\s+/).flatMap((word) => {
    const [, algorithm = '', value = ''] = /^(sha\d+)-([A-Za-z0-9+/=]+)/.exec(word) ?? [];
    const alg = HASH_NAMES[algorithm];
    return alg === undefined ? [] : [{ alg, content: Buffer.from(value, 'base64').toString('hex') }];
  });
  return hashes.length === 0 ? {} : { hashes };
}

function licencesOf(text: string | null): { licenses?: object[] } {
  if (text === null) return {};
  if (SPDX_IDS.has(text)) return { licenses: [{ license: { id: text } }] };
  const words = text.replace(/[()]/g, ' ').trim().split(/\s+/);
  const isExpression = words.every((word, at) => (at % 2 === 0 ? SPDX_IDS.has(word) : /^(AND|OR)$/.test(word)));
  return { licenses: [isExpression && words.length > 1 ? { expression: text } : { license: { name: text } }] };
}

/** RFC 9562 version 8: made from a hash of our choice. */
function serialNumber(content: object): string {
  const hex = createHash('sha256').update(JSON.stringify(content)).digest('hex');
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return `urn:uuid:${parts.join('-')}`;
}

/** The licences of an app and its packages, one line each, for people: what, which, and where the text stands. */
export function licenceList(
  app: AppItem & { readonly licenceFiles: readonly string[] },
  packages: readonly InstalledPackage[],
): string {
  const lines = [{ ...app }, ...packages].map(({ name, version, licence, licenceFiles }) => {
    const texts = licenceFiles.length === 0 ? 'no text in the package' : licenceFiles.join(', ');
    return `${name} ${version}\t${licence ?? 'no licence stated'}\t${texts}`;
  });
  return `${[...new Set(lines)].join('\n')}\n`;
}
