import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import { makeFat } from '@nodeos/firmware/formats/fat.ts';
import { makeSquashfs } from '@nodeos/firmware/formats/squashfs.ts';
import { temporaryFolder } from '../cli.testing.ts';
import { readArtefact } from './artefact.ts';

const { signal } = new AbortController();
const app = appManifest('1.0.0');
const system = {
  format: 1,
  board: 'x86_64-usb',
  version: '1.1.0',
  buildTime: 1,
  boot: { chain: 'grub', trial: 'kexec' },
  commandLine: 'quiet',
  kernelRelease: '6.12.1',
  nodeVersion: '24.21.0',
  files: {},
};

describe('readArtefact', () => {
  it('reads the manifest inside an app bundle', async (test) => {
    const folder = await temporaryFolder(test);
    await mkdir(join(folder, 'app'));
    await writeFile(join(folder, 'app/.nodeos-manifest.json'), JSON.stringify(app));
    const output = join(folder, 'hello.sqfs');
    const compression = { algorithm: 'zstd', level: 1, blockBytes: 131_072 } as const;
    await makeSquashfs({ source: join(folder, 'app'), output, modified: 0, compression }, signal);
    const artefact = await readArtefact(output, { notes: 'first', minimumSystem: '1.2.0', channel: 'beta' });
    assert.equal(artefact.path, 'apps/hello/1.0.0/any.sqfs');
    assert.deepEqual(artefact.custom, { kind: 'app', app, notes: 'first', minimumSystem: '1.2.0', channel: 'beta' });
    assert.match(artefact.sha256, /^[0-9a-f]{64}$/);
  });

  it('reads the manifest of a slot image', async (test) => {
    const folder = await temporaryFolder(test);
    const source = join(folder, 'manifest.json');
    await writeFile(source, JSON.stringify(system));
    const output = join(folder, 'slot.img');
    const files = [{ path: 'manifest.json', source }];
    await makeFat({ output, bytes: 8 << 20, label: 'SLOT', volumeId: 1, modified: 315_532_800, files }, signal);
    const artefact = await readArtefact(output, { notes: '' });
    assert.equal(artefact.path, 'systems/x86_64-usb/1.1.0/slot.img');
    assert.deepEqual(artefact.custom, { kind: 'system', system, notes: '' });
    assert.equal(artefact.bytes, 8 << 20);
  });

  it('refuses other files and files that are not there', async (test) => {
    const folder = await temporaryFolder(test);
    await assert.rejects(readArtefact(join(folder, 'none'), { notes: '' }), { code: 'FILE_UNREADABLE' });
    await writeFile(join(folder, 'text'), 'hello');
    await assert.rejects(readArtefact(join(folder, 'text'), { notes: '' }), { code: 'INPUT_INVALID' });
    await writeFile(join(folder, 'torn'), 'hsqs and no more');
    await assert.rejects(readArtefact(join(folder, 'torn'), { notes: '' }), { name: 'NodeosError' });
  });
});
