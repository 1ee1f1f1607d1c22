import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import { build, sharedCache } from '../support/build.ts';
import { fillDataPartition } from '../support/data-partition.ts';
import { livingFor } from '../support/lifetime.ts';
import { startRegistry } from '../support/npm-registry.ts';

const BOOT_LIMIT_MS = 300_000;
const ANSWER_LIMIT_MS = 180_000;
const OWNER = 2000;
/** The host, inside QEMU's user network. */
const HOST = '10.0.2.2';
const PORT = 8080;

interface Answer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly loaded: unknown;
}

test('a user installs packages of npm into its own home, within its own rights', async () => {
  await livingFor('npm-on-device', async (life) => {
    const registry = await startRegistry(
      life.folder,
      [
        {
          name: 'lamp',
          version: '1.0.0',
          main: 'lamp.js',
          files: { 'lamp.js': "module.exports = require('wire') + 1;" },
          dependencies: { wire: '1' },
        },
        { name: 'wire', version: '1.2.0', main: 'wire.js', files: { 'wire.js': 'module.exports = 41;' } },
        { name: 'bare-addon', version: '3.0.0', scripts: { install: 'node-gyp rebuild' } },
      ],
      HOST,
    );
    life.own(async () => registry.close());
    const { image } = (await build(['--out', life.folder])).files;
    const init = join(import.meta.dirname, '../npm/installer.cjs');
    await fillDataPartition(image as string, [
      { path: '/users/ann', owner: OWNER, mode: 0o755 },
      { path: '/users/ann/init', owner: OWNER, mode: 0o755, file: init },
    ]);
    const { emulate } = await loadBoard('x86_64-usb');
    assert.ok(emulate && image);
    const host = await freePort();
    const { emulator } = await bootImage({
      ...{ emulate, image, folder: life.folder, cacheRoot: sharedCache(), memoryMiB: 384 },
      forwards: [{ host, guest: PORT }],
    });
    life.watch(emulator);
    const npm = async (command: string, name: string, folder = '/code'): Promise<Answer> => {
      const words = [folder, command, name, registry.url].map(encodeURIComponent).join('?');
      const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
      return (await fetch(`http://127.0.0.1:${host}/${words}`, { signal })).json() as Promise<Answer>;
    };
    await emulator.console.expect(/ann .*running/, BOOT_LIMIT_MS, 'the user runs');

    const lamp = await npm('install', 'lamp');
    assert.deepEqual(lamp, { code: 0, stdout: '2 packages are installed\n', stderr: '', loaded: 42 });
    const addon = await npm('install', 'bare-addon');
    assert.equal(addon.code, 1);
    assert.match(addon.stderr, /^ADDON_NEEDS_COMPILER: .*bare-addon@3\.0\.0/);
    const nowhere = await npm('install', 'nowhere-to-be-found');
    assert.match(nowhere.stderr, /^PACKAGE_INSTALL_FAILED: .*404/);
    const home = await npm('install', 'lamp', '/');
    assert.match(home.stderr, /^INPUT_INVALID: npm does not install into \//);
    const gone = await npm('uninstall', 'lamp');
    assert.deepEqual([gone.code, gone.loaded], [0, null], gone.stderr);
  });
});
