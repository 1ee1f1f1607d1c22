import assert from 'node:assert/strict';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import { makeSquashfs } from '../formats/squashfs.ts';
import { exampleBoard } from '../plan/example-board.testing.ts';
import { ROOT_COMPRESSION } from '../plan/root-compression.ts';
import { runTool } from '../run-tool.ts';
import type { BundledApp } from './factory-app.ts';
import { LayerFixture } from './layer-fixture.testing.ts';
import { buildOci, buildTar, type UserlandRequest } from './userland.ts';

const modified = 1_700_000_000;
let fixture: LayerFixture;
let request: UserlandRequest;
let app: BundledApp;
before(async () => {
  fixture = await LayerFixture.make();
  const rootfs = await fixture.artefact('rootfs', { 'tree/etc/hostname': 'device', 'tree/usr/bin/node': 'node' });
  const tree = join(rootfs.dir, 'tree');
  await symlink('/run/nodeos/dns/resolv.conf', join(tree, 'etc/resolv.conf'));
  await symlink('usr/bin', join(tree, 'bin'));
  await mkdir(join(tree, 'app'));
  await squash(tree, join(rootfs.dir, 'rootfs.sqfs'));
  const artefact = await fixture.artefact('app', { 'tree/server.js': 'serve()' });
  await squash(join(artefact.dir, 'tree'), join(artefact.dir, 'bundle.sqfs'));
  const own = { start: ['node', 'server.js'], env: { COLOUR: 'blue' }, ports: [3000, 3001] };
  const manifest = appManifest('2.1.0', own);
  app = { manifest, sha256: 'ab'.repeat(32), bytes: 1, file: join(artefact.dir, 'bundle.sqfs'), artefact };
  request = { board: exampleBoard, systemVersion: '1.4.0', rootfs, app: null, modified };
});
after(() => fixture.remove());

async function squash(source: string, output: string): Promise<void> {
  const { signal } = new AbortController();
  await makeSquashfs({ source, output, modified, compression: ROOT_COMPRESSION }, signal);
}

async function unpackLayout(changes: Partial<UserlandRequest>, cache: string): Promise<string> {
  const { dir } = await buildOci(fixture.context(cache), { ...request, ...changes });
  const layout = join(fixture.folder, `layout-${cache}`);
  await mkdir(layout);
  await runTool('tar', ['--extract', '--file', join(dir, 'image.oci.tar'), '--directory', layout]);
  return layout;
}

describe('buildTar', () => {
  it('holds the root, all of it root’s and of one date, with a file where names are resolved', async () => {
    const { dir } = await buildTar(fixture.context(), request);
    const { stdout } = await runTool('tar', ['--list', '-v', '--full-time', '--file', join(dir, 'root.tar')]);
    const lines = stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.replace(/\s+/g, ' '));
    const of = (path: string): string => lines.find((line) => line.includes(` ${path}`)) ?? '';
    assert.match(of('etc/hostname'), /^-rw-r--r-- root\/root 6 2023-11-14 22:13:20/);
    assert.match(of('etc/resolv.conf'), /^-rw-r--r-- root\/root 0 /);
    assert.match(of('bin ->'), /^lrwxrwxrwx .* bin -> usr\/bin$/);
    assert.equal(of('bin/'), '', 'what a link leads to is there once');
    assert.equal(
      lines.every((line) => line.includes(' root/root ') && line.includes(' 22:13:20 ')),
      true,
    );
  });

  it('holds the app in /app', async () => {
    const { dir } = await buildTar(fixture.context(), { ...request, app });
    const { stdout } = await runTool('tar', ['-xOf', join(dir, 'root.tar'), 'app/server.js']);
    assert.equal(stdout.toString(), 'serve()');
  });

  it('has the same bytes each time', async () => {
    const one = await buildTar(fixture.context('one'), { ...request, app });
    const other = await buildTar(fixture.context('other'), { ...request, app });
    assert.ok((await readFile(join(one.dir, 'root.tar'))).equals(await readFile(join(other.dir, 'root.tar'))));
  });
});

describe('buildOci', () => {
  it('is an image that skopeo inspects: board, app, start', async () => {
    const { dir } = await buildOci(fixture.context('oci'), { ...request, app });
    const source = `oci-archive:${join(dir, 'image.oci.tar')}:1.4.0`;
    const image = JSON.parse((await runTool('skopeo', ['inspect', source])).stdout.toString());
    assert.deepEqual([image.Os, image.Architecture, image.Layers.length], ['linux', 'amd64', 2]);
    assert.equal(image.Created, '2023-11-14T22:13:20Z');
    const { config } = JSON.parse((await runTool('skopeo', ['inspect', '--config', source])).stdout.toString());
    assert.deepEqual(config.Cmd, ['node', 'server.js']);
    assert.equal(config.WorkingDir, '/app');
    assert.deepEqual(Object.keys(config.ExposedPorts), ['3000/tcp', '3001/tcp']);
    for (const word of ['PORT=3000', 'COLOUR=blue', 'NODEOS_APP=hello']) assert.ok(config.Env.includes(word), word);
    assert.equal(config.Labels['org.opencontainers.image.version'], '2.1.0');
  });

  it('starts the prompt of Node.js where there is no app, and names the variant of an Arm', async () => {
    const architecture = { ...exampleBoard.architecture, debian: 'armhf' as const };
    const { dir } = await buildOci(fixture.context('arm'), { ...request, board: { ...exampleBoard, architecture } });
    const source = `oci-archive:${join(dir, 'image.oci.tar')}`;
    const image = JSON.parse((await runTool('skopeo', ['inspect', '--config', source])).stdout.toString());
    assert.deepEqual([image.architecture, image.variant, image.config.Cmd], ['arm', 'v7', ['/usr/bin/node']]);
  });

  it('unpacks with umoci to the root and the app, each layer hashed as it is packed and as it is not', async () => {
    const layout = await unpackLayout({ app }, 'unpacked');
    const bundle = join(fixture.folder, 'bundle');
    await runTool('umoci', ['unpack', '--rootless', '--image', `${layout}:1.4.0`, bundle]);
    assert.equal(await readFile(join(bundle, 'rootfs/app/server.js'), 'utf8'), 'serve()');
    assert.equal(await readFile(join(bundle, 'rootfs/bin/node'), 'utf8'), 'node');
  });

  it('is refused by umoci where one byte of a layer is another', async () => {
    const layout = await unpackLayout({ app }, 'damaged');
    const listed = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8'));
    const blob = (digest: string): string => join(layout, 'blobs', digest.replace(':', '/'));
    const manifest = JSON.parse(await readFile(blob(listed.manifests[0].digest), 'utf8'));
    const path = blob(manifest.layers[0].digest);
    const bytes = await readFile(path);
    bytes[bytes.length - 5] = 0xff & ~(bytes[bytes.length - 5] ?? 0);
    await writeFile(path, bytes);
    const unpacked = runTool('umoci', [
      'unpack',
      '--rootless',
      '--image',
      `${layout}:1.4.0`,
      join(fixture.folder, 'bad'),
    ]);
    await assert.rejects(unpacked, { code: 'TOOL_FAILED' });
  });

  it('has the same bytes each time', async () => {
    const one = await buildOci(fixture.context('one'), { ...request, app });
    const other = await buildOci(fixture.context('other'), { ...request, app });
    assert.ok(
      (await readFile(join(one.dir, 'image.oci.tar'))).equals(await readFile(join(other.dir, 'image.oci.tar'))),
    );
  });
});
