import assert from 'node:assert/strict';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assetPath } from '../assets.ts';
import { buildAddon } from './addon.ts';
import { LayerFixture } from './layer-fixture.testing.ts';

const toolchain = { cc: 'gcc', strip: 'strip', flags: [], id: 'host' };
let fixture: LayerFixture;
before(async () => {
  fixture = await LayerFixture.make();
});
after(() => fixture.remove());

describe('buildAddon', () => {
  it('gives a module that Node loads, with the same bytes from another folder', async () => {
    const first = join((await buildAddon(fixture.context('first'), toolchain)).dir, 'nodeos.node');
    const copy = join(fixture.folder, 'a-copy-of-the-sources');
    await cp(assetPath('device-agent', 'native'), copy, { recursive: true });
    const second = join((await buildAddon(fixture.context('second'), toolchain, copy)).dir, 'nodeos.node');
    assert.ok((await readFile(first)).equals(await readFile(second)));
    const module: { exports: Record<string, unknown> } = { exports: {} };
    process.dlopen(module, first);
    assert.equal(typeof module.exports.kexecFileLoad, 'function');
  });
});
