import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import { exampleBoard } from '../plan/example-board.testing.ts';
import { imageIdentity } from '../plan/identity.ts';
import { runTool } from '../run-tool.ts';
import type { BundledApp } from './factory-app.ts';
import { LayerFixture } from './layer-fixture.testing.ts';
import { buildUsersfs } from './usersfs.ts';

const bundle = Buffer.alloc(300_000, 'hsqs');
const sha256 = createHash('sha256').update(bundle).digest('hex');
const manifest = appManifest('1.0.0');
let fixture: LayerFixture;
let app: BundledApp;
before(async () => {
  fixture = await LayerFixture.make();
  const artefact = await fixture.artefact('an app', { 'bundle.sqfs': bundle });
  app = { manifest, sha256, bytes: bundle.length, file: join(artefact.dir, 'bundle.sqfs'), artefact };
});
after(() => fixture.remove());

async function build(cache: string): Promise<string> {
  const context = fixture.context(cache);
  const { dir } = await buildUsersfs(context, exampleBoard, imageIdentity('test'), 1_700_000_000, app);
  return join(dir, 'data.ext4');
}

async function debugfs(file: string, command: string): Promise<string> {
  return (await runTool('debugfs', ['-R', command, file])).stdout.toString();
}

describe('a data partition with a first app', () => {
  it('is clean to e2fsck and holds the bundle under its hash, the system’s own', async () => {
    const file = await build('cache');
    await runTool('e2fsck', ['-f', '-n', file]);
    const path = `/.system/agent/bundles/${sha256}.sqfs`;
    const copy = join(fixture.folder, 'copy');
    await debugfs(file, `dump ${path} ${copy}`);
    assert.ok((await readFile(copy)).equals(bundle));
    const shown = await debugfs(file, `stat ${path}`);
    assert.match(shown, /Type: regular +Mode: +0600/);
    assert.match(shown, /User: +0 +Group: +0/);
    for (const time of ['atime', 'ctime', 'mtime', 'crtime']) assert.match(shown, new RegExp(`${time}: 0x6553f100`));
    assert.match(await debugfs(file, 'stat /.system/agent'), /Type: directory +Mode: +0700/);
  });

  it('lists the app as one that no deployment brought', async () => {
    const state = JSON.parse(await debugfs(await build('cache'), 'cat /.system/agent/state.json'));
    const target = 'apps/hello/1.0.0/any.sqfs';
    assert.deepEqual(state.apps, { hello: { manifest, target, sha256, deployment: null } });
    assert.equal(state.candidate, null);
  });

  it('has the same bytes each time, at another place too', async () => {
    assert.ok((await readFile(await build('one'))).equals(await readFile(await build('an other'))));
  });
});
