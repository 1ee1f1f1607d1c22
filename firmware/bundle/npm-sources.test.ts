import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, symlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { exampleBoard } from '../plan/example-board.testing.ts';
import { testContext, writeTree } from './bundle.testing.ts';
import { bundleApp } from './bundle-app.ts';
import { checkLockFile } from './lock-file.ts';
import { fetchPackage, parseAppSource } from './npm-spec.ts';
import { resolveProgram } from './start-program.ts';

const missing = ['mksquashfs', 'npm', 'tar'].find((tool) => spawnSync(tool, ['-version']).error !== undefined);
const skip = missing !== undefined && process.env.CI === undefined ? `${missing} is not installed` : false;

// npm asks again and again for an archive that is not what it should be.
process.env.npm_config_fetch_retries = '0';

/** A packed package and a server that sends it. */
async function serveDependency(test: TestContext) {
  const folder = await writeTree(test, {
    'package.json': { name: 'dep', version: '1.0.0', license: 'MIT', bin: { serve: 'serve.js' } },
    'serve.js': '#!/usr/bin/env node\n',
    LICENSE: 'MIT',
  });
  execFileSync('npm', ['pack', '--silent'], { cwd: folder });
  const bytes = await readFile(join(folder, 'dep-1.0.0.tgz'));
  const server = createServer((_, answer) => void answer.end(bytes)).listen(0, '127.0.0.1');
  test.after(() => void server.close());
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
  return { file: join(folder, 'dep-1.0.0.tgz'), url: `http://127.0.0.1:${port}/dep-1.0.0.tgz`, integrity };
}

function appWith(url: string, integrity: string | undefined, others = {}) {
  return {
    'package.json': {
      name: 'app',
      version: '1.0.0',
      scripts: { start: 'serve --fast' },
      dependencies: { dep: url, ...others },
    },
    'package-lock.json': {
      name: 'app',
      version: '1.0.0',
      lockfileVersion: 3,
      packages: {
        '': { name: 'app', version: '1.0.0', dependencies: { dep: url } },
        'node_modules/dep': { version: '1.0.0', resolved: url, integrity, license: 'MIT', bin: { serve: 'serve.js' } },
      },
    },
  };
}
const bundle = (folder: string) =>
  bundleApp(testContext(join(folder, '.cache')), { folder, board: exampleBoard, out: join(folder, 'app.sqfs') });

describe('an app with a locked dependency', { skip }, () => {
  it('is packed with bill of materials and licences, and starts the dependency’s command', async (test) => {
    const { url, integrity } = await serveDependency(test);
    const folder = await writeTree(test, appWith(url, integrity));
    const { file, manifest } = await bundle(folder);
    assert.deepEqual(manifest.start, ['node', 'node_modules/dep/serve.js', '--fast']);
    const inside = execFileSync('unsquashfs', ['-cat', file, '.nodeos-sbom.cdx.json']).toString();
    assert.equal(inside, await readFile(`${file}.cdx.json`, 'utf8'));
    const [component] = JSON.parse(inside).components;
    assert.equal(component.purl, 'pkg:npm/dep@1.0.0');
    assert.equal(component.hashes[0].content, Buffer.from(integrity.slice(7), 'base64').toString('hex'));
    const licences = execFileSync('unsquashfs', ['-cat', file, '.nodeos-licences.txt']).toString();
    assert.match(licences, /^dep 1\.0\.0\tMIT\tnode_modules\/dep\/LICENSE$/m);
  });

  it('is refused where the bytes are others, the lock says nothing of them, or it contradicts package.json', async (test) => {
    const { url, integrity } = await serveDependency(test);
    const wrong = `sha512-${Buffer.alloc(64, 1).toString('base64')}`;
    for (const [files, code] of [
      [appWith(url, wrong), 'INTEGRITY_MISMATCH'],
      [appWith(url, undefined), 'LOCK_INCOMPLETE'],
      [appWith(url, integrity, { other: `${url}?other` }), 'LOCK_MISMATCH'],
    ] as const) {
      const folder = await writeTree(test, files);
      await assert.rejects(bundle(folder), { name: 'NodeosError', code });
    }
  });

  it('is asked for again where npm remembers an older registry', async (test) => {
    const { file, integrity } = await serveDependency(test);
    const bytes = await readFile(file);
    const versions = ['0.9.0'];
    const registry = createServer((request, answer) => {
      if (request.url?.endsWith('.tgz')) return void answer.end(bytes);
      const entry = (version: string) => ({
        ...{ name: 'dep', version, bin: { serve: 'serve.js' } },
        dist: { tarball: `http://${request.headers.host}/dep/-/dep-${version}.tgz`, integrity },
      });
      answer.setHeader('cache-control', 'public, max-age=3600');
      const known = Object.fromEntries(versions.map((version) => [version, entry(version)]));
      answer.end(JSON.stringify({ name: 'dep', 'dist-tags': { latest: versions.at(-1) }, versions: known }));
    }).listen(0, '127.0.0.1');
    test.after(() => void registry.close());
    await once(registry, 'listening');
    const { port } = registry.address() as { port: number };
    const app = (version: string) =>
      writeTree(test, {
        '.npmrc': `registry=http://127.0.0.1:${port}/\ncache=${cache}\n`,
        'package.json': { name: 'app', version: '1.0.0', scripts: { start: 'serve' }, dependencies: { dep: version } },
        'package-lock.json': {
          ...{ name: 'app', version: '1.0.0', lockfileVersion: 3 },
          packages: {
            '': { name: 'app', version: '1.0.0', dependencies: { dep: version } },
            'node_modules/dep': { version, integrity, bin: { serve: 'serve.js' } },
          },
        },
      });
    const cache = await writeTree(test, {});
    await bundle(await app('0.9.0'));
    versions.push('1.0.0');
    assert.equal((await bundle(await app('1.0.0'))).manifest.start[1], 'node_modules/dep/serve.js');
    await assert.rejects(bundle(await app('2.0.0')), { code: 'TOOL_FAILED', message: /dep@2\.0\.0/ });
  });

  it('may come from a packed file; its command goes before its start script', async (test) => {
    const { file } = await serveDependency(test);
    const folder = await writeTree(test, {});
    const context = testContext(join(folder, '.cache'));
    const source = await fetchPackage(context, file, folder);
    const packed = await bundleApp(context, {
      folder: source,
      published: true,
      board: exampleBoard,
      out: join(folder, 'dep.sqfs'),
    });
    assert.deepEqual(packed.manifest.start, ['node', 'serve.js']);
    await assert.rejects(fetchPackage(context, join(folder, 'none.tgz'), await mkdtemp(join(folder, 'x'))), {
      name: 'NodeosError',
    });
  });
});

describe('what nodeos bundle is given', () => {
  it('is a folder before it is a package, and a packed file by its ending', async (test) => {
    const folder = await writeTree(test, { 'express/package.json': '{}', 'a-1.0.0.tgz': '' });
    assert.deepEqual(parseAppSource('express', folder), { kind: 'folder', folder: join(folder, 'express') });
    assert.deepEqual(parseAppSource('npm:express', folder), { kind: 'package', spec: 'express' });
    assert.deepEqual(parseAppSource('./a-1.0.0.tgz', folder), { kind: 'package', spec: join(folder, 'a-1.0.0.tgz') });
    for (const spec of ['node-red', '@scope/app', '@scope/app@^1.2.0', 'http-server@latest'])
      assert.deepEqual(parseAppSource(spec, folder), { kind: 'package', spec });
    for (const spec of ['./missing', '/missing', 'a b', '../no-such', '--flag', 'x@'])
      assert.throws(() => parseAppSource(spec, folder), { code: 'APP_SPEC_INVALID' });
  });
});

describe('a lock file', () => {
  it('must say what each production package hashes to', async (test) => {
    const lock = (item: object) => ({ packages: { '': {}, 'node_modules/a': { version: '1.0.0', ...item } } });
    const check = async (content: object) =>
      checkLockFile(await writeTree(test, { 'package-lock.json': content }), 'package-lock.json');
    for (const item of [
      { integrity: 'sha512-AA==' },
      { dev: true },
      { inBundle: true },
      { resolved: `git+https://host/a.git#${'0'.repeat(40)}` },
    ])
      await check(lock(item));
    for (const content of [lock({}), lock({ integrity: 'md5-AA==' }), lock({ resolved: 'git+https://h/a.git' }), {}])
      await assert.rejects(check(content), { code: 'LOCK_INCOMPLETE' });
  });
});

describe('a program that a dependency installs', () => {
  it('is started without a shell: scripts by Node.js, others as they are', async (test) => {
    const folder = await writeTree(test, {
      'node_modules/d/s.js': '#!/usr/bin/env node\n',
      'node_modules/d/e': '\x7fELF',
    });
    await mkdir(join(folder, 'node_modules/.bin'));
    await symlink('../d/s.js', join(folder, 'node_modules/.bin/serve'));
    await symlink('../d/e', join(folder, 'node_modules/.bin/native'));
    assert.deepEqual(await resolveProgram(folder, ['serve', '-p', '1']), ['node', 'node_modules/d/s.js', '-p', '1']);
    assert.deepEqual(await resolveProgram(folder, ['native']), ['/app/node_modules/d/e']);
    assert.deepEqual(await resolveProgram(folder, ['node', 'x.js']), ['node', 'x.js']);
    await assert.rejects(resolveProgram(folder, ['sh', '-c', 'x']), { code: 'APP_NO_START' });
  });
});
