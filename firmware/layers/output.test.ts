import assert from 'node:assert/strict';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { LayerFixture } from './layer-fixture.testing.ts';
import { copyOut } from './output.ts';

let fixture: LayerFixture;
let source: string;
before(async () => {
  fixture = await LayerFixture.make();
  source = join((await fixture.artefact('image', { 'disk.img': 'disk' })).dir, 'disk.img');
});
after(() => fixture.remove());

describe('copyOut', () => {
  it('copies to a folder that it makes, replaces an older file and leaves no temporary one', async () => {
    const folder = join(fixture.folder, 'new', 'out');
    const outputs = { image: { source, name: 'nodeos.img' } };
    await copyOut(fixture.context(), outputs, folder);
    await writeFile(join(folder, 'nodeos.img'), 'an older and longer file');
    const { files, sizes } = await copyOut(fixture.context(), outputs, folder);
    assert.deepEqual(files, { image: join(folder, 'nodeos.img') });
    assert.deepEqual(sizes, { image: 4 });
    assert.equal(await readFile(join(folder, 'nodeos.img'), 'utf8'), 'disk');
    assert.deepEqual(await readdir(folder), ['nodeos.img']);
  });

  it('lets nobody else read what holds a fleet file', async () => {
    const folder = join(fixture.folder, 'secret');
    const { files } = await copyOut(fixture.context(), { image: { source, name: 'nodeos.img' } }, folder, true);
    assert.equal((await stat(files.image as string)).mode & 0o077, 0);
  });

  it('gives the path in the cache without a folder', async () => {
    const { files } = await copyOut(fixture.context(), { image: { source, name: 'x' } }, undefined);
    assert.deepEqual(files, { image: source });
  });

  it('says what cannot be written, and leaves nothing behind when interrupted', async () => {
    const file = join(fixture.folder, 'file');
    await writeFile(file, '');
    const outputs = { image: { source, name: 'nodeos.img' } };
    await assert.rejects(copyOut(fixture.context(), outputs, join(file, 'below')), { code: 'FILE_UNREADABLE' });
    const stopped = { ...fixture.context(), signal: AbortSignal.abort() };
    const folder = join(fixture.folder, 'interrupted');
    await assert.rejects(copyOut(stopped, outputs, folder), { name: 'AbortError' });
    assert.deepEqual(await readdir(folder), []);
  });
});
