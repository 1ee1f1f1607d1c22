import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { agentStateSchema } from '@nodeos/contracts/agent-state.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { type Built, build, sharedCache } from '../support/build.ts';
import { startCommand } from '../support/command.ts';
import { sha256 } from '../support/file-hash.ts';
import { runFormat } from '../support/run-format.ts';

const MIB = 1_048_576;
const START_LIMIT_MS = 180_000;
const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-formats-'));
after(() => rmSync(folder, { recursive: true, force: true }));
let built: Built;

const file = (kind: string): string => {
  const path = built.files[kind];
  assert.ok(path, `there is no ${kind}`);
  return path;
};

before(async () => {
  const formats = 'img,img.zst,iso,qcow2,oci,tar';
  built = await build(['--app', 'examples/hello', '--format', formats, '--out', folder]);
});

test('a second build of all formats makes nothing and gives the same bytes', async () => {
  const again = await build([
    '--app',
    'examples/hello',
    '--format',
    'iso,img.zst,qcow2,oci,tar',
    '--out',
    join(folder, '2'),
  ]);
  assert.deepEqual(
    again.layers.filter((layer) => !layer.cached).map((layer) => layer.name),
    [],
  );
  for (const [kind, path] of Object.entries(again.files))
    assert.equal(await sha256(path), await sha256(file(kind)), kind);
});

test('bmaptool takes the compressed image with its block map, and writes the disk', async () => {
  const target = join(folder, 'copy.img');
  await runTool('bmaptool', ['copy', '--bmap', file('bmap'), file('img.zst'), target]);
  assert.equal(await sha256(target), await sha256(file('img')));
  rmSync(target);
});

test('the agent takes the list of apps in the data partition for its own', async () => {
  const { stdout } = await runTool('sfdisk', ['--json', file('img')]);
  const { start } = JSON.parse(stdout.toString()).partitiontable.partitions[3];
  const device = `${file('img')}?offset=${start * 512}`;
  const state = await runTool('debugfs', ['-R', 'cat /.system/agent/state.json', device]);
  const { apps } = agentStateSchema.parse(JSON.parse(state.stdout.toString()));
  assert.deepEqual(Object.keys(apps), ['hello']);
});

test('the compressed image runs its app from the first boot on, without a server', async () => {
  const { console, answer } = await runFormat(file('img.zst'), []);
  assert.equal(answer.name, 'hello');
  assert.match(console, /no fleet\.json/);
  assert.doesNotMatch(console, /RAM/);
});

test('the qcow2 is whole to qemu-img, and boots', async () => {
  await runTool('qemu-img', ['check', file('qcow2')]);
  await runTool('qemu-img', ['compare', file('qcow2'), file('img')]);
  assert.equal((await runFormat(file('qcow2'), [])).answer.name, 'hello');
});

test('the iso boots from a stick with BIOS, and its data partition grows to the end of the stick', async () => {
  await runTool('sfdisk', ['--verify', file('iso')]);
  const board = await loadBoard('x86_64-usb');
  assert.ok(board.emulate);
  const { emulator, disk } = await bootImage({
    ...{ emulate: board.emulate, image: file('iso'), bus: 'usb', firmware: 'bios', folder, cacheRoot: sharedCache() },
    mediumBytes: 600 * MIB,
  });
  try {
    await emulator.console.expect(/^ {2}system +x86_64-usb 1\.0\.0, slot a/, START_LIMIT_MS, 'the agent’s screen');
    await emulator.console.expect(/^ {2}apps +hello 1\.0\.0 running/, START_LIMIT_MS, 'the app');
    assert.doesNotMatch(emulator.console.tail(100), /data is in RAM/);
  } finally {
    await emulator.stop();
  }
  const { partitiontable } = JSON.parse((await runTool('sfdisk', ['--json', disk])).stdout.toString());
  const { start, size } = partitiontable.partitions[3];
  assert.equal((start + size) * 512, 600 * MIB);
  rmSync(disk);
});

test('the container image is accepted by skopeo and umoci, and its userland runs in a chroot', async () => {
  const image = await runTool('skopeo', ['inspect', `oci-archive:${file('oci')}`]);
  assert.equal(JSON.parse(image.stdout.toString()).Architecture, 'amd64');
  const [layout, bundle] = [join(folder, 'layout'), join(folder, 'bundle')];
  mkdirSync(layout);
  await runTool('tar', ['--extract', '--file', file('oci'), '--directory', layout]);
  await runTool('umoci', ['unpack', '--rootless', '--image', `${layout}:1.0.0`, bundle]);
  const root = join(bundle, 'rootfs');
  const script = 'process.versions.node + " " + require("node:fs").readdirSync("/app")';
  const namespace = ['--user', '--map-root-user', 'chroot', root];
  const { stdout } = await runTool('unshare', [...namespace, '/usr/bin/node', '--print', script]);
  assert.match(stdout.toString(), /^24\.\d+\.\d+ .*server\.js/);
});

test('the tar starts under unshare, and serves its app', async () => {
  const root = join(folder, 'root');
  mkdirSync(root);
  await runTool('tar', ['--extract', '--file', file('tar'), '--directory', root, '--no-same-owner']);
  const port = await freePort();
  const namespace = ['--user', '--map-root-user', '--mount', '--pid', '--fork', '--kill-child'];
  const words = [...namespace, `--root=${root}`, '--wd=/app', '/usr/bin/node', 'server.js'];
  const app = startCommand('unshare', words, {
    env: { PORT: String(port), NODEOS_APP: 'hello', NODEOS_VERSION: '1.0.0' },
  });
  try {
    assert.equal((await answerOf(port, app.ended)).pid, 1);
  } finally {
    app.child.kill('SIGKILL');
    await app.ended;
  }
});

/** Asks until the app answers, or has ended. */
async function answerOf(port: number, ended: Promise<{ stderr: string }>): Promise<{ pid: number }> {
  let failure: string | null = null;
  void ended.then(({ stderr }) => {
    failure = `it ended: ${stderr}`;
  });
  for (const end = performance.now() + START_LIMIT_MS; performance.now() < end && failure === null; ) {
    try {
      return (await (await fetch(`http://127.0.0.1:${port}/`)).json()) as { pid: number };
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error(`the app did not answer: ${failure ?? 'the limit has passed'}`);
}
