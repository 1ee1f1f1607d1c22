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
    const second = join((await buildAddon(fixture.context('second'), toolchain, 'nodeos', copy)).dir, 'nodeos.node');
    assert.ok((await readFile(first)).equals(await readFile(second)));
    const module: { exports: Record<string, unknown> } = { exports: {} };
    process.dlopen(module, first);
    assert.equal(typeof module.exports.kexecFileLoad, 'function');
  });

  it('gives the addon for GPIO, whose calls refuse what is no chip', async () => {
    const addon = join((await buildAddon(fixture.context(), toolchain, 'gpio')).dir, 'gpio.node');
    const module = { exports: {} as { chipInfo(fd: number): unknown; request(...values: unknown[]): number } };
    process.dlopen(module, addon);
    assert.throws(() => module.exports.chipInfo(9999), { code: 'EBADF' });
    const request = [0, new Uint32Array(65), 'test', 0, 0n, new BigUint64Array(0)];
    assert.throws(() => module.exports.request(...request), /1 to 64 offsets/);
  });
});
