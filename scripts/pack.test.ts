import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { assertDeclared, compile } from './pack.ts';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const run = promisify(execFile);

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-pack-'));
});
after(() => rm(folder, { recursive: true, force: true }));

describe('the compiled command', () => {
  it('needs exactly the packages that cli/package.json declares, in the versions of the workspace', async () => {
    const { dependencies } = JSON.parse(await readFile(join(ROOT, 'cli/package.json'), 'utf8'));
    const used = await compile(join(folder, 'dist'));
    assert.deepEqual(used, Object.keys(dependencies).sort());
    for (const part of ['contracts', 'firmware', 'ota-server']) {
      const own = JSON.parse(await readFile(join(ROOT, part, 'package.json'), 'utf8')).dependencies ?? {};
      for (const name of used) if (name in own) assert.equal(dependencies[name], own[name], `${name} in ${part}`);
    }
  });

  it('is refused where a package is missing in package.json, or superfluous', () => {
    assert.throws(() => assertDeclared(['axios', 'zod'], ['axios']), /does not declare zod/);
    assert.throws(
      () => assertDeclared(['axios'], ['axios', 'left-pad', 'node']),
      /declares left-pad, which nothing uses/,
    );
  });
});

describe('the packed command, installed into an empty folder', () => {
  const nodeos = async (...argv: string[]): Promise<string> =>
    (await run('npx', ['--no-install', 'nodeos', ...argv], { cwd: join(folder, 'empty'), env: hostEnvironment() }))
      .stdout;

  before(async () => {
    const { stdout } = await run('npm', ['pack', '-w', 'cli', '--json', '--pack-destination', folder], {
      cwd: ROOT,
      env: hostEnvironment(),
      maxBuffer: 1e8,
    });
    const answer = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
    const [{ filename }] = (Array.isArray(answer) ? answer : Object.values(answer)) as [{ filename: string }];
    await run(
      'npm',
      ['install', '--prefix', join(folder, 'empty'), '--no-audit', '--no-fund', join(folder, filename)],
      {
        env: hostEnvironment(),
      },
    );
  });

  it('plans the same image as the clone', async () => {
    const clone = await run(process.execPath, [join(ROOT, 'cli/bin/nodeos.js'), 'build', '--dry-run', '--json']);
    assert.equal(await nodeos('build', '--dry-run', '--json'), clone.stdout);
  });

  it('makes and bundles an app', async () => {
    await nodeos('new', 'kiosk');
    const { manifest } = JSON.parse(await nodeos('bundle', 'kiosk', '--json'));
    assert.deepEqual([manifest.name, manifest.abi], ['kiosk', 'any']);
  });

  it('holds compiled code only, and no path of this machine', async () => {
    const { stdout } = await run('find', [join(folder, 'empty/node_modules/nodeos'), '-name', '*.ts']);
    assert.deepEqual(
      stdout.split('\n').filter((path) => path !== '' && !path.includes('/share/')),
      [],
    );
    const { stdout: hits } = await run('grep', ['-rlF', ROOT, join(folder, 'empty/node_modules/nodeos')]).catch(
      (error: { stdout: string }) => error,
    );
    assert.equal(hits, '');
  });
});

/** As a user's shell: the npm variables of a surrounding `npm test` would lead npm astray. */
function hostEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_(config_local_prefix|package_|lifecycle_)/.test(name),
  );
  return { ...Object.fromEntries(kept), NODE_TEST_CONTEXT: undefined };
}
