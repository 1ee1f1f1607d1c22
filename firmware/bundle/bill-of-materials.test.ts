import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { billOfMaterials, licenceList } from './bill-of-materials.ts';
import { writeTree } from './bundle.testing.ts';
import { readInstalledPackages, resolveAll } from './installed-packages.ts';

const sha512 = `sha512-${Buffer.alloc(64, 7).toString('base64')}`;
const app = {
  name: '@acme/kiosk',
  version: '1.2.0',
  description: 'A sign',
  licence: 'MIT',
  licenceFiles: [],
  dependencies: ['node_modules/a'],
};
const entry = (path: string, dependencies: string[] = [], licence: string | null = 'ISC') => ({
  path,
  name: path.slice(path.lastIndexOf('node_modules/') + 13),
  version: '2.0.0',
  integrity: sha512 as string | null,
  commit: null as string | null,
  licence,
  licenceFiles: [`${path}/LICENSE`],
  dependencies,
});
const packages = [
  entry('node_modules/@b/c', [], '(MIT OR Apache-2.0)'),
  entry('node_modules/a', ['node_modules/@b/c', 'node_modules/a/node_modules/d']),
  { ...entry('node_modules/a/node_modules/d', [], 'see LICENSE.txt'), integrity: null },
  { ...entry('node_modules/e', [], null), commit: '0123456789012345678901234567890123456789' },
];

/** What CycloneDX's own library says of a document, by the strict schema of the version; null: it is valid. */
async function faults(text: string): Promise<unknown> {
  return new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(text);
}

describe('bill of materials', () => {
  it('is valid CycloneDX 1.6, judged by the project’s own library', async () => {
    assert.equal(await faults(billOfMaterials(app, packages)), null);
    assert.equal(await faults(billOfMaterials({ ...app, licence: null, dependencies: [] }, [])), null);
    assert.notEqual(await faults(billOfMaterials(app, packages).replace('"library"', '"book"')), null);
  });

  it('names each package by its URL, hash and licence, and what it loads', () => {
    const bill = JSON.parse(billOfMaterials(app, packages));
    const item = (name: string) => bill.components.find((component: { name: string }) => component.name === name);
    assert.deepEqual([bill.bomFormat, bill.specVersion], ['CycloneDX', '1.6']);
    assert.equal(item('c').purl, 'pkg:npm/%40b/c@2.0.0');
    assert.deepEqual(item('c').licenses, [{ expression: '(MIT OR Apache-2.0)' }]);
    assert.deepEqual(item('a').hashes, [{ alg: 'SHA-512', content: '07'.repeat(64) }]);
    assert.deepEqual(item('d').licenses, [{ license: { name: 'see LICENSE.txt' } }]);
    assert.equal(item('e').pedigree.commits[0].uid, packages[3]?.commit);
    const graph = Object.fromEntries(
      bill.dependencies.map(({ ref, dependsOn }: { ref: string; dependsOn: string[] }) => [ref, dependsOn]),
    );
    assert.deepEqual(graph['pkg:npm/%40acme/kiosk@1.2.0'], ['pkg:npm/a@2.0.0']);
    assert.deepEqual(graph['pkg:npm/a@2.0.0'], ['pkg:npm/%40b/c@2.0.0', 'pkg:npm/d@2.0.0']);
  });

  it('is the same text for the same packages and has another number for others', () => {
    const number = (text: string): string => JSON.parse(text).serialNumber;
    assert.equal(billOfMaterials(app, packages), billOfMaterials({ ...app }, structuredClone(packages)));
    assert.notEqual(number(billOfMaterials(app, packages)), number(billOfMaterials(app, packages.slice(1))));
  });

  it('lists licences for people', () => {
    assert.deepEqual(licenceList(app, packages).split('\n').slice(0, 2), [
      '@acme/kiosk 1.2.0\tMIT\tno text in the package',
      '@b/c 2.0.0\t(MIT OR Apache-2.0)\tnode_modules/@b/c/LICENSE',
    ]);
  });
});

describe('installed packages', () => {
  it('are those of npm’s own list that are still there, with their licences', async (test) => {
    const folder = await writeTree(test, {
      'node_modules/.package-lock.json': {
        packages: {
          'node_modules/a': { version: '1.0.0', integrity: sha512, dependencies: { b: '^2.0.0', gone: '1' } },
          'node_modules/b': { version: '2.1.0', resolved: `git+ssh://host/b.git#${'c'.repeat(40)}` },
          'node_modules/gone': { version: '1.0.0' },
        },
      },
      'node_modules/a/package.json': { license: { type: 'MIT' } },
      'node_modules/a/License.md': 'MIT',
      'node_modules/b/package.json': { licenses: [{ type: 'MIT' }, { type: 'GPL-2.0-only' }] },
    });
    const [a, b, ...rest] = await readInstalledPackages(folder);
    assert.deepEqual(rest, []);
    assert.deepEqual([a?.licence, a?.licenceFiles], ['MIT', ['node_modules/a/License.md']]);
    assert.deepEqual(a?.dependencies, ['node_modules/b']);
    assert.deepEqual([b?.licence, b?.commit], ['(MIT OR GPL-2.0-only)', 'c'.repeat(40)]);
  });

  it('find one another as Node.js does: the nearest first', () => {
    const paths = new Set(['node_modules/x', 'node_modules/a', 'node_modules/a/node_modules/x', 'node_modules/@s/y']);
    assert.deepEqual(resolveAll(paths, 'node_modules/a', ['x', '@s/y', 'missing']), [
      'node_modules/@s/y',
      'node_modules/a/node_modules/x',
    ]);
    assert.deepEqual(resolveAll(paths, '', ['x']), ['node_modules/x']);
  });
});
