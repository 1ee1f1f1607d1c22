import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { exampleBoard } from '../plan/example-board.testing.ts';
import { testContext, writeTree } from './bundle.testing.ts';
import { bundleApp } from './bundle-app.ts';
import { settleNativeAddons } from './native-addons.ts';

const has = (tool: string): boolean => spawnSync(tool, ['--version']).error === undefined;
const missing = ['mksquashfs', 'npm'].find((tool) => spawnSync(tool, ['-version']).error !== undefined);
const skip = missing !== undefined && process.env.CI === undefined ? `${missing} is not installed` : false;
const compilerMissing = ['gcc', 'g++', 'make', 'python3'].find((tool) => !has(tool));
const skipCompile = compilerMissing && process.env.CI === undefined ? `${compilerMissing} is not installed` : false;

const plainApp = {
  'package.json': { name: 'plain', version: '1.2.3', scripts: { start: 'node server.js' }, files: ['server.js'] },
  'package-lock.json': {
    name: 'plain',
    version: '1.2.3',
    lockfileVersion: 3,
    packages: { '': { name: 'plain', version: '1.2.3' } },
  },
  'server.js': 'console.log(1);\n',
  'notes.txt': 'not packed\n',
};

const addonSource = `
#include <node_api.h>
#include <place.h>
static napi_value add(napi_env env, napi_callback_info info) {
  size_t count = 2; napi_value values[2], sum; double a = 0, b = 0;
  napi_status status = napi_get_cb_info(env, info, &count, values, NULL, NULL);
  if (status != napi_ok) napi_throw_error(env, NULL, place);
  napi_get_value_double(env, values[0], &a);
  napi_get_value_double(env, values[1], &b);
  napi_create_double(env, a + b, &sum);
  return sum;
}
NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "add", NAPI_AUTO_LENGTH, add, NULL, &function);
  return function;
}
`;
const addonFiles = {
  'binding.gyp': {
    targets: [{ target_name: 'adder', sources: ['src/adder.c'], include_dirs: ['<(module_root_dir)/include'] }],
  },
  'src/adder.c': addonSource,
  // Found by its whole path, which must not get into the compiled code.
  'include/place.h': 'static const char place[] = __FILE__;\n',
  'index.js': "module.exports = require('./build/Release/adder.node');\n",
};
const below = (folder: string, files: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(files).map(([name, content]) => [`${folder}/${name}`, content]));

describe('bundleApp', { skip }, () => {
  it('packs what npm would pack and writes the manifest in and beside the bundle', async (test) => {
    const folder = await writeTree(test, plainApp);
    const out = join(folder, 'out/plain.sqfs');
    const bundle = await bundleApp(testContext(join(folder, '.cache')), { folder, board: exampleBoard, out });
    assert.equal(bundle.manifest.abi, 'any');
    const listing = execFileSync('unsquashfs', ['-ll', out]).toString();
    assert.match(listing, /root\/root .* squashfs-root\/server\.js/);
    assert.doesNotMatch(listing, /notes\.txt|package-lock/);
    const inside = execFileSync('unsquashfs', ['-cat', out, '.nodeos-manifest.json']).toString();
    assert.equal(inside, await readFile(`${out}.json`, 'utf8'));
    assert.deepEqual((await readdir(join(folder, 'out'))).sort(), [
      'plain.sqfs',
      'plain.sqfs.cdx.json',
      'plain.sqfs.json',
    ]);
  });

  it('gives the same bytes from two folders and two caches, and uses the cache the second time', async (test) => {
    const results = [];
    for (const _ of [1, 2]) {
      const folder = await writeTree(test, plainApp);
      const context = testContext(join(folder, '.cache'));
      const options = { folder, board: exampleBoard, out: join(folder, 'plain.sqfs') };
      results.push(await bundleApp(context, options), await bundleApp(context, options));
    }
    assert.deepEqual(
      results.map((bundle) => bundle.cached),
      [false, true, false, true],
    );
    assert.equal(new Set(results.map((bundle) => bundle.sha256)).size, 1);
  });

  it('refuses a start file that is not packed', async (test) => {
    const folder = await writeTree(test, {
      ...plainApp,
      'package.json': { ...plainApp['package.json'], files: ['notes.txt'] },
    });
    const promise = bundleApp(testContext(join(folder, '.cache')), {
      folder,
      board: exampleBoard,
      out: join(folder, 'x.sqfs'),
    });
    await assert.rejects(promise, { code: 'APP_NO_START' });
    assert.equal(existsSync(join(folder, 'x.sqfs')), false);
  });

  it('refuses a folder without package.json, one that is not JSON, and local dependencies', async (test) => {
    const cases = [
      [{ 'server.js': '' }, 'FILE_UNREADABLE'],
      [{ 'package.json': '{' }, 'INPUT_INVALID'],
      [
        { ...plainApp, 'package.json': { ...plainApp['package.json'], dependencies: { a: 'file:../a' } } },
        'INPUT_INVALID',
      ],
    ] as const;
    for (const [files, code] of cases) {
      const folder = await writeTree(test, files);
      await assert.rejects(bundleApp(testContext(folder), { folder, board: exampleBoard }), { code });
    }
  });

  it('packs a dependency that is a folder of the package itself', async (test) => {
    const { 'package-lock.json': _, ...unlocked } = plainApp as typeof plainApp & { 'package-lock.json'?: unknown };
    const folder = await writeTree(test, {
      ...unlocked,
      'package.json': { ...plainApp['package.json'], files: undefined, dependencies: { own: 'file:vendor/own' } },
      'vendor/own/package.json': { name: 'own', version: '1.0.0', main: 'index.js' },
      'vendor/own/index.js': 'module.exports = 1;',
    });
    const out = join(folder, 'x.sqfs');
    await bundleApp(testContext(folder), { folder, board: exampleBoard, out });
    const list = spawnSync('unsquashfs', ['-ll', out], { encoding: 'utf8' }).stdout;
    assert.match(list, /node_modules\/own -> \.\.\/vendor\/own$/m);
    assert.match(list, /vendor\/own\/index\.js$/m);
    const left = { ...plainApp['package.json'], files: ['server.js'], dependencies: { own: 'file:vendor/own' } };
    await writeFile(join(folder, 'package.json'), JSON.stringify(left));
    await assert.rejects(bundleApp(testContext(folder), { folder, board: exampleBoard, out }), {
      code: 'INPUT_INVALID',
      message: /own stands in vendor\/own, which is not packed/,
    });
  });

  it('compiles the addon of the app itself into the same bytes twice', { skip: skipCompile }, async (test) => {
    const hashes = [];
    for (const _ of [1, 2]) {
      const manifest = { name: 'native', version: '1.0.0', main: 'index.js', gypfile: true };
      const folder = await writeTree(test, { ...addonFiles, 'package.json': manifest });
      const out = join(folder, 'native.sqfs');
      const bundle = await bundleApp(testContext(join(folder, '.cache')), { folder, board: exampleBoard, out });
      assert.equal(bundle.manifest.abi, 'linux-x64-glibc');
      hashes.push(bundle.sha256);
      assert.doesNotMatch(execFileSync('unsquashfs', ['-ll', out]).toString(), /\.(c|gyp|o|mk)\n/);
    }
    assert.equal(hashes[0], hashes[1]);
  });
});

describe('settleNativeAddons', () => {
  const elf = (machine: number): Buffer => {
    const bytes = Buffer.alloc(64);
    bytes.write('\x7fELF\x02\x01', 'latin1');
    bytes.writeUInt16LE(machine, 18);
    return bytes;
  };
  const app = { 'package.json': { name: 'app', version: '1.0.0' } };
  const dependency = (files: Record<string, unknown>, manifest: object = {}) =>
    below('node_modules/dep', { 'package.json': { name: 'dep', version: '1.0.0', ...manifest }, ...files });
  const settle = async (folder: string) => settleNativeAddons(testContext(folder), folder, exampleBoard);

  it('keeps the fitting prebuild only', async (test) => {
    const prebuilds = {
      'prebuilds/linux-x64/a.napi.node': elf(62),
      'prebuilds/linux-arm64/a.napi.node': elf(183),
      'prebuilds/darwin-x64/a.node': 'Mach-O',
      'binding.gyp': '{}',
      'src/a.cc': '',
    };
    const folder = await writeTree(test, { ...app, ...dependency(prebuilds) });
    assert.equal(await settle(folder), 'linux-x64-glibc');
    const left = await readdir(join(folder, 'node_modules/dep'), { recursive: true });
    assert.deepEqual(left.sort(), [
      'package.json',
      'prebuilds',
      'prebuilds/linux-x64',
      'prebuilds/linux-x64/a.napi.node',
    ]);
  });

  it('refuses an addon for another machine by name', async (test) => {
    const folder = await writeTree(test, { ...app, ...dependency({ 'lib/a.node': elf(183) }) });
    await assert.rejects(settle(folder), (error: Error & { code: string }) => {
      assert.equal(error.code, 'RELEASE_INCOMPATIBLE');
      assert.match(error.message, /node_modules\/dep\/lib\/a\.node \(made for arm64, 64 bits\)/);
      return true;
    });
  });

  it('drops a package that npm installed for another processor', async (test) => {
    const folder = await writeTree(test, { ...app, ...dependency({ 'a.node': elf(183) }, { cpu: ['arm64'] }) });
    assert.equal(await settle(folder), 'any');
    assert.equal(existsSync(join(folder, 'node_modules/dep')), false);
  });

  it('compiles a dependency that brings sources only', { skip: skipCompile }, async (test) => {
    const folder = await writeTree(test, { ...app, ...dependency(addonFiles) });
    assert.equal(await settle(folder), 'linux-x64-glibc');
    const left = await readdir(join(folder, 'node_modules/dep'), { recursive: true });
    assert.deepEqual(left.sort(), ['build', 'build/Release', 'build/Release/adder.node', 'index.js', 'package.json']);
    const program = `process.stdout.write(String(require(${JSON.stringify(join(folder, 'node_modules/dep'))})(40, 2)))`;
    assert.equal(execFileSync(process.execPath, ['-e', program]).toString(), '42');
  });
});
