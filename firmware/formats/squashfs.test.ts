import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runTool } from '../run-tool.ts';
import { appendSquashfs, makeSquashfs, type SquashfsCompression } from './squashfs.ts';

const { signal } = new AbortController();
const zstd: SquashfsCompression = { algorithm: 'zstd', level: 3, blockBytes: 131_072 };
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-squashfs-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function makeTree(name: string, date: number): Promise<string> {
  const tree = join(folder, name);
  await mkdir(join(tree, 'usr/bin'), { recursive: true });
  await writeFile(join(tree, 'usr/bin/node'), Buffer.alloc(300_000, name === 'other' ? 1 : 0));
  await chmod(join(tree, 'usr/bin/node'), 0o755);
  await symlink('usr/bin', join(tree, 'bin'));
  for (const path of ['usr/bin/node', 'usr/bin', 'usr', '']) await utimes(join(tree, path), date, date);
  return tree;
}

describe('squashfs', () => {
  it('is listed by unsquashfs with root as owner and no younger date', async () => {
    const output = join(folder, 'listed.sqfs');
    const source = await makeTree('listed', 1_800_000_000);
    await makeSquashfs({ source, output, modified: 1_700_000_000, compression: zstd }, signal);
    const listing = (await runTool('unsquashfs', ['-lln', output])).stdout.toString();
    assert.match(listing, /-rwxr-xr-x 0\/0 +300000 2023-11-14 22:13 squashfs-root\/usr\/bin\/node/);
    assert.match(listing, /squashfs-root\/bin -> usr\/bin/);
    const facts = (await runTool('unsquashfs', ['-s', output])).stdout.toString();
    assert.match(facts, /Compression zstd/);
    assert.match(facts, /Tue Nov 14 22:13:20 2023/);
  });

  it('has the same bytes from another folder with other dates, and replaces what was there', async () => {
    const request = { modified: 1_700_000_000, compression: zstd };
    const [first, second] = [join(folder, 'first.sqfs'), join(folder, 'second.sqfs')];
    await makeSquashfs({ ...request, source: await makeTree('tree', 1_750_000_000), output: first }, signal);
    await makeSquashfs({ ...request, source: await makeTree('moved-tree', 1_790_000_000), output: second }, signal);
    assert.ok((await readFile(first)).equals(await readFile(second)));
    await makeSquashfs({ ...request, source: await makeTree('other', 1_790_000_000), output: second }, signal);
    assert.ok(!(await readFile(first)).equals(await readFile(second)));
  });

  it('appends a folder without a trace of when or where from, and refuses a name that is there', async () => {
    const [first, second] = [join(folder, 'append-1.sqfs'), join(folder, 'append-2.sqfs')];
    for (const [output, date] of [
      [first, 1_750_000_000],
      [second, 1_790_000_000],
    ] as const) {
      const base = { source: await makeTree(`base-${date}`, date), output, modified: 1_700_000_000 };
      await makeSquashfs({ ...base, compression: zstd }, signal);
      const source = join(folder, `added-${date}`);
      await mkdir(join(source, 'etc'), { recursive: true });
      await writeFile(join(source, 'etc/hostname'), 'nodeos\n');
      await appendSquashfs({ ...base, source }, signal);
      await assert.rejects(appendSquashfs({ ...base, source }, signal), /etc is in the squashfs/);
    }
    assert.ok((await readFile(first)).equals(await readFile(second)));
    const listing = (await runTool('unsquashfs', ['-lln', first])).stdout.toString();
    assert.match(listing, /squashfs-root\/etc\/hostname/);
    assert.match(listing, /squashfs-root\/usr\/bin\/node/);
  });

  it('takes xz with a filter for machine code', async () => {
    const output = join(folder, 'xz.sqfs');
    const compression: SquashfsCompression = { algorithm: 'xz', filter: 'x86', blockBytes: 1_048_576 };
    await makeSquashfs({ source: await makeTree('xz', 1), output, modified: 1_700_000_000, compression }, signal);
    const facts = (await runTool('unsquashfs', ['-s', output])).stdout.toString();
    assert.match(facts, /Compression xz[\s\S]*x86[\s\S]*Block size 1048576/);
  });
});
