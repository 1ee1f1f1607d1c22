import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** What each part may import; the three in the middle meet in contracts only. */
const DIRECTION: Readonly<Record<string, readonly string[]>> = {
  contracts: [],
  firmware: ['contracts'],
  'device-agent': ['contracts'],
  display: [],
  gpio: ['contracts'],
  'ota-server': ['contracts'],
  cli: ['contracts', 'firmware', 'device-agent', 'ota-server', 'examples'],
  test: ['contracts', 'firmware', 'device-agent', 'ota-server', 'cli'],
};
const EFFECTS =
  /^(node:)?(fs|fs\/promises|net|tls|http|https|http2|dgram|dns|dns\/promises|child_process|worker_threads|cluster)$/;
/** Pure by rule: planners, and state machines. Tests beside them may read vectors. */
const PURE = [
  /^firmware\/plan\//,
  /^firmware\/emulate\/machine\.ts$/,
  /^device-agent\/src\/updater\/(plan|planner|state|machine|gates)[a-z-]*\.ts$/,
  /^device-agent\/src\/.*state-machine\.ts$/,
  /^ota-server\/src\/deployments\/(plan|progress|state)[a-z-]*\.ts$/,
];

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function sourcesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|tsx|js|mjs|cjs)$/.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !/(^|\/)(node_modules|dist|templates|vectors)\//.test(path));
}

const STATEMENT = /^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm;

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(STATEMENT)].map((match) => ({
    file,
    specifier: match[2] ?? match[3] ?? '',
    typeOnly: match[1] !== undefined,
  }));
}

/** The part of the repository that an import leads to, null for packages and built-ins. */
function partOf({ file, specifier }: Import): string | null {
  if (specifier.startsWith('.')) return join(file, '..', specifier).split('/')[0] ?? null;
  const named = /^@nodeos\/([a-z-]+)\//.exec(specifier);
  if (named) return named[1] ?? null;
  return specifier.startsWith('nodeos/') ? 'cli' : null;
}

const all = Object.keys(DIRECTION).flatMap((part) => sourcesBelow(part).flatMap(importsOf));

test('the imports of every part are found', () => {
  for (const part of Object.keys(DIRECTION).filter((name) => name !== 'test'))
    assert.ok(all.filter(({ file }) => file.startsWith(`${part}/`)).length > 5, `no imports found below ${part}/`);
});

test('contracts ← firmware, device-agent, ota-server ← cli ← test', () => {
  const wrong = all.flatMap((each) => {
    const from = each.file.split('/')[0] as string;
    const to = partOf(each);
    return to === null || to === from || DIRECTION[from]?.includes(to)
      ? []
      : [`${each.file} imports ${each.specifier}`];
  });
  assert.deepEqual(wrong, []);
});

test('planners and state machines import no fs, net or child_process', () => {
  const wrong = all
    .filter(({ file }) => PURE.some((rule) => rule.test(file)) && !file.endsWith('.test.ts'))
    .filter(({ specifier }) => EFFECTS.test(specifier));
  assert.deepEqual(
    wrong.map(({ file, specifier }) => `${file} imports ${specifier}`),
    [],
  );
});

test('contracts touch neither files, network nor processes', () => {
  const wrong = all.filter(
    ({ file, specifier }) => file.startsWith('contracts/') && !file.endsWith('.test.ts') && EFFECTS.test(specifier),
  );
  assert.deepEqual(wrong, []);
});

/** Test helpers are named so, or stand in a folder `testing/`. */
const TEST_CODE = /\.(test|suite|testing|test-support)\.ts$|\/testing\/|^test\//;

test('product code imports no test code', () => {
  const wrong = all.filter(({ file, specifier }) => !TEST_CODE.test(file) && TEST_CODE.test(specifier));
  assert.deepEqual(
    wrong.map(({ file, specifier }) => `${file} imports ${specifier}`),
    [],
  );
});

test('the entry scripts use nothing but built-ins until the packages are installed', () => {
  const wrong = ['start', 'test', 'setup', 'children']
    .flatMap((name) => importsOf(`scripts/${name}.js`))
    .filter(({ specifier }) => !specifier.startsWith('node:') && !specifier.startsWith('./'));
  assert.deepEqual(wrong, []);
});
