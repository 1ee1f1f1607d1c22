import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeVariant } from './variants.ts';

const HELLO = fileURLToPath(new URL('hello', import.meta.url));

describe('makeVariant', () => {
  it('changes version and greeting, in the lock file too, and not the example', async (test) => {
    const folder = await mkdtemp(join(tmpdir(), 'nodeos-variant-'));
    test.after(() => rm(folder, { recursive: true, force: true }));
    const before = await readFile(join(HELLO, 'package.json'), 'utf8');
    const into = await makeVariant(HELLO, '2.0.0', { into: join(folder, 'two'), greeting: 'Hi.' });
    const read = async (name: string) => JSON.parse(await readFile(join(into, name), 'utf8'));
    const [manifest, lock] = [await read('package.json'), await read('package-lock.json')];
    assert.deepEqual([manifest.version, manifest.config.greeting], ['2.0.0', 'Hi.']);
    assert.deepEqual([lock.version, lock.packages[''].version], ['2.0.0', '2.0.0']);
    assert.equal(await readFile(join(HELLO, 'package.json'), 'utf8'), before);
    await assert.rejects(makeVariant(HELLO, '2.0.0', { into }));
  });

  it('makes one that ends at its start and says why', async (test) => {
    const folder = await mkdtemp(join(tmpdir(), 'nodeos-variant-'));
    test.after(() => rm(folder, { recursive: true, force: true }));
    const into = await makeVariant(HELLO, '3.0.0', { into: join(folder, 'three'), crash: true });
    const { status, stderr } = spawnSync(process.execPath, ['crash.js'], { cwd: into, encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /hello 3\.0\.0 crashes at its start/);
    assert.match(await readFile(join(into, 'server.js'), 'utf8'), /^import '\.\/crash\.js';/);
  });
});
