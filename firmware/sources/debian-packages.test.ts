import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { BuildContext, ProgressEvent } from '../context.ts';
import { fetchDebianPackages } from './debian-packages.ts';
import { readLock } from './lock.ts';

async function withStore(
  body: (context: BuildContext, store: string, events: ProgressEvent[]) => Promise<void>,
): Promise<void> {
  const cacheRoot = await mkdtemp(join(tmpdir(), 'nodeos-packages-'));
  const store = join(cacheRoot, 'debian/amd64');
  const events: ProgressEvent[] = [];
  try {
    await mkdir(store, { recursive: true });
    const progress = (event: ProgressEvent): void => void events.push(event);
    await body({ cacheRoot, signal: new AbortController().signal, progress, locked: false }, store, events);
  } finally {
    await rm(cacheRoot, { recursive: true });
  }
}

test('pinned packages that are in the cache need no network, and come in the order asked for', async () => {
  const pins = (await readLock()).debian.amd64 ?? {};
  await withStore(async (context, store, events) => {
    for (const name of ['libc6', 'tzdata']) {
      const pin = pins[name];
      assert.ok(pin);
      const version = pin.version.replace(':', '%3a');
      await writeFile(join(store, `${name}_${version}_${pin.sha256.slice(0, 16)}.deb`), '');
    }
    const found = await fetchDebianPackages(context, {
      architecture: 'amd64',
      packages: ['tzdata', 'libc6', 'tzdata'],
    });
    assert.deepEqual(
      found.map(({ name, version }) => [name, version]),
      ['tzdata', 'libc6', 'tzdata'].map((name) => [name, pins[name]?.version]),
    );
    assert.deepEqual(events, []);
  });
});

test('a package for all processors that lies in the store of another one is not fetched again', async () => {
  const pin = (await readLock()).debian.amd64?.['linux-source-6.12'];
  assert.ok(pin);
  await withStore(async (context, store) => {
    const name = `linux-source-6.12_${pin.version}_${pin.sha256.slice(0, 16)}.deb`;
    await mkdir(join(store, '../armhf'));
    await writeFile(join(store, '../armhf', name), 'source');
    const request = { architecture: 'amd64', packages: ['linux-source-6.12'] } as const;
    const [found] = await fetchDebianPackages(context, request);
    assert.equal(found?.file, join(store, name));
    assert.equal(await readFile(found.file, 'utf8'), 'source');
  });
});

test('a substitute of an earlier build is taken again, and said again', async () => {
  await withStore(async (context, store, events) => {
    const sha256 = 'c'.repeat(64);
    await writeFile(join(store, 'substitutes.json'), JSON.stringify({ 'some-package=': { version: '1.0', sha256 } }));
    await writeFile(join(store, 'some-package_1.0_cccccccccccccccc.deb'), '');
    const [found] = await fetchDebianPackages(context, { architecture: 'amd64', packages: ['some-package'] });
    assert.equal(found?.version, '1.0');
    assert.match(events[0]?.message ?? '', /does not match the lock file: some-package 1\.0/);
  });
});
