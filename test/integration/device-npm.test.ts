import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseNpmrc } from '@nodeos/device-agent/src/npm/npmrc.ts';
import { bundleScript } from '@nodeos/firmware/layers/agent.ts';
import { type Registry, startRegistry } from '../support/npm-registry.ts';

const work = mkdtempSync(join(tmpdir(), 'nodeos-npm-'));
const program = join(work, 'npm.cjs');
const prebuilt = `prebuilds/${process.platform}-${process.arch}/addon.node`;
let registry: Registry;
let homes = 0;

before(async () => {
  for (const [name, bytes] of await bundleScript('src/npm/main.ts', 'npm.cjs')) writeFileSync(join(work, name), bytes);
  registry = await startRegistry(work, [
    { name: 'lamp', version: '1.0.0', dependencies: { wire: '^1.0.0' } },
    { name: 'wire', version: '1.2.0', scripts: { postinstall: 'touch /tmp/nodeos-npm-was-run' } },
    { name: 'packed-addon', version: '1.0.0', files: { 'binding.gyp': '{}', [prebuilt]: 'machine code' } },
    { name: 'bare-addon', version: '3.0.0', scripts: { install: 'prebuild-install || node-gyp rebuild' } },
    { name: 'foreign-addon', version: '1.0.0', files: { 'binding.gyp': '{}', 'prebuilds/sunos-mips/a.node': 'x' } },
  ]);
});
after(() => {
  registry.close();
  rmSync(work, { recursive: true });
});

/** A home as a user has it, whose `.npmrc` names the registry. */
function newHome(): string {
  const home = join(work, `home-${++homes}`);
  mkdirSync(home);
  writeFileSync(join(home, '.npmrc'), `registry = ${registry.url} \n; a comment\n`);
  return home;
}

function npm(home: string, ...words: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  // Nothing of the computer's own: no shell, no compiler, no settings.
  const env = { HOME: home, PATH: '/nowhere' };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...words], { cwd: home, env }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

/** What npm itself finds there; it fails where something is missing or too much. */
const listed = (home: string): Record<string, { version: string }> =>
  JSON.parse(execFileSync('npm', ['ls', '--all', '--json', '--offline'], { cwd: home, encoding: 'utf8' })).dependencies;

test('a package and what it needs is installed without scripts, as npm itself finds it right', async () => {
  const home = newHome();
  const { code, stdout, stderr } = await npm(home, 'install', 'lamp');
  assert.deepEqual([code, stdout, stderr], [0, '2 packages are installed\n', '']);
  assert.equal(listed(home).lamp?.version, '1.0.0');
  assert.deepEqual(JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')).dependencies, { lamp: '^1.0.0' });
  assert.ok(!existsSync('/tmp/nodeos-npm-was-run'));
  assert.ok(!readdirSync(home).includes('.npm-cache'));
});

test('ci installs what the lock file names, and uninstall takes it away', async () => {
  const home = newHome();
  await npm(home, 'install', 'lamp');
  rmSync(join(home, 'node_modules'), { recursive: true });
  assert.equal((await npm(home, 'ci')).code, 0);
  assert.equal(listed(home).lamp?.version, '1.0.0');
  assert.equal((await npm(home, 'uninstall', 'lamp')).code, 0);
  assert.deepEqual(
    readdirSync(join(home, 'node_modules')).filter((name) => !name.startsWith('.')),
    [],
  );
});

test('machine code that is packed is taken; where it would be compiled, that is said', async () => {
  const home = newHome();
  assert.equal((await npm(home, 'install', 'packed-addon')).code, 0);
  const { code, stderr } = await npm(home, 'install', 'bare-addon', 'foreign-addon');
  assert.equal(code, 1);
  assert.match(stderr, /^ADDON_NEEDS_COMPILER: .*bare-addon@3\.0\.0, foreign-addon@1\.0\.0\n/);
  assert.match(stderr, /nodeos bundle/);
});

test('what is not there changes nothing', async () => {
  const home = newHome();
  await npm(home, 'install', 'wire');
  const before = readFileSync(join(home, 'package.json'), 'utf8');
  const { code, stderr } = await npm(home, 'install', 'nowhere-to-be-found');
  assert.equal(code, 1);
  assert.match(stderr, /^PACKAGE_INSTALL_FAILED: .*E?404/);
  assert.equal(readFileSync(join(home, 'package.json'), 'utf8'), before);
  assert.equal(listed(home).wire?.version, '1.2.0');
});

test('other commands and options are answered with what there is', async () => {
  const home = newHome();
  assert.match((await npm(home)).stdout, /npm install/);
  assert.equal((await npm(home, 'publish')).code, 1);
  assert.match((await npm(home, 'install', '--global')).stderr, /^INPUT_INVALID/);
});

test('.npmrc: values, comments, quotes and the environment', () => {
  const named = (name: string): string => `$\{${name}}`.replace('\\', '');
  const lines = ['# no', '; no', 'registry=http://a/', ` //a/:_authToken = ${named('TOKEN')}`, 'empty', 'quoted="x y"'];
  assert.deepEqual(parseNpmrc([...lines, `kept=${named('NOT')}`].join('\n'), { TOKEN: 't' }), {
    registry: 'http://a/',
    '//a/:_authToken': 't',
    quoted: 'x y',
    kept: named('NOT'),
  });
});
