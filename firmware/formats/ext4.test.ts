import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runTool } from '../run-tool.ts';
import { type Ext4Request, makeExt4 } from './ext4.ts';

const MIB = 1024 * 1024;
const { signal } = new AbortController();
let folder: string;
let request: Ext4Request;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-ext4-'));
  request = {
    output: join(folder, 'first.img'),
    bytes: 16 * MIB,
    label: 'nodeos-data',
    uuid: 'b1a2c3d4-0000-4000-8000-00000000beef',
    modified: 1_700_000_000,
    folders: [
      { path: '/users', mode: 0o755 },
      { path: '/.system', mode: 0o700 },
      { path: '/.system/agent', mode: 0o700 },
    ],
  };
  await makeExt4(request, signal);
});
after(() => rm(folder, { recursive: true, force: true }));

async function debugfs(command: string): Promise<string> {
  return (await runTool('debugfs', ['-R', command, request.output])).stdout.toString();
}

describe('ext4', () => {
  it('is clean to e2fsck', async () => {
    await runTool('e2fsck', ['-f', '-n', request.output]);
  });

  it('holds the folders with modes, owner and date', async () => {
    const shown = await debugfs('stat /.system/agent');
    assert.match(shown, /Type: directory +Mode: +0700/);
    assert.match(shown, /User: +0 +Group: +0/);
    assert.match(shown, /mtime: 0x6553f100/);
  });

  it('has room for block groups up to 2 TiB and an inode for each 16 KiB', async () => {
    const facts = (await runTool('dumpe2fs', ['-h', request.output])).stdout.toString();
    const reserved = Number(/Reserved GDT blocks: +(\d+)/.exec(facts)?.[1]);
    // 64 bytes a group of 128 MiB.
    assert.ok(reserved >= 2 ** 41 / 2 ** 27 / 64 - 1, `${reserved} reserved blocks`);
    assert.match(facts, /Inodes per group: +8192/);
    assert.match(facts, /Filesystem volume name: +nodeos-data/);
  });

  it('keeps a share of its blocks for the system, by capability and no uid, that growing does not round to none', async () => {
    const facts = (await runTool('dumpe2fs', ['-h', request.output])).stdout.toString();
    assert.match(facts, /Reserved blocks uid: +65533/);
    const [blocks, kept] = ['Block count', 'Reserved block count'].map((name) =>
      Number(new RegExp(`^${name}: +(\\d+)`, 'm').exec(facts)?.[1]),
    );
    assert.ok(Number(kept) / Number(blocks) > 0.08, `${kept} of ${blocks} blocks`);
  });

  it('keeps an account of what each user fills, with all that it holds in it', async () => {
    const facts = (await runTool('dumpe2fs', ['-h', request.output])).stdout.toString();
    assert.match(facts, /^Filesystem features:.*\bquota\b/m);
    // Of root: lost+found and the three folders beside the root.
    assert.match(await debugfs('list_quota user'), /^ +0 +\d+ +\d+ +\d+ +5 +0 +0/m);
  });

  it('has the same bytes when made again, and no date but the given one', async () => {
    const facts = (await runTool('dumpe2fs', ['-h', request.output])).stdout.toString();
    for (const name of ['Filesystem created', 'Last write time', 'Last checked'])
      assert.match(facts, new RegExp(`${name}: +Tue Nov 14 22:13:20 2023`));
    for (const path of ['/', '/lost+found', '/users']) {
      const times = (await debugfs(`stat ${path}`)).match(/time: 0x[0-9a-f]+:?[0-9a-f]*/g) ?? [];
      assert.deepEqual(new Set(times.map((text) => text.slice(0, 16))), new Set(['time: 0x6553f100']), path);
      assert.equal(times.length, 4);
    }
    const output = join(folder, 'second.img');
    await makeExt4({ ...request, output }, signal);
    assert.ok((await readFile(output)).equals(await readFile(request.output)));
  });
});
