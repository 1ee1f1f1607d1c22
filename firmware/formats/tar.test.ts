import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runTool } from '../run-tool.ts';
import { TAR_END, type TarEntry, tarHeader, tarPadding } from './tar.ts';

const MODIFIED = 1_700_000_000;
const long = `${'folder/'.repeat(20)}file`;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-tar-'));
});
after(() => rm(folder, { recursive: true, force: true }));

function file(path: string, text: string, mode = 0o644): Buffer {
  const content = Buffer.from(text);
  const header = tarHeader({ path, kind: 'file', mode, bytes: content.length }, MODIFIED);
  return Buffer.concat([header, content, tarPadding(content.length)]);
}

async function archive(...parts: Buffer[]): Promise<string> {
  const path = join(folder, 'root.tar');
  await writeFile(path, Buffer.concat([...parts, TAR_END]));
  return path;
}

describe('a tar archive', () => {
  it('lists in GNU tar with kinds, modes, owner, size and date', async () => {
    const path = await archive(
      tarHeader({ path: 'tmp', kind: 'directory', mode: 0o1777 }, MODIFIED),
      file('usr/node', 'x'.repeat(513), 0o755),
      tarHeader({ path: 'bin', kind: 'symlink', mode: 0o777, target: 'usr/bin' }, MODIFIED),
    );
    const { stdout } = await runTool('tar', ['--list', '--verbose', '--full-time', '--file', path]);
    assert.deepEqual(
      stdout
        .toString()
        .trim()
        .split('\n')
        .map((line) => line.replace(/\s+/g, ' ')),
      [
        'drwxrwxrwt root/root 0 2023-11-14 22:13:20 tmp/',
        '-rwxr-xr-x root/root 513 2023-11-14 22:13:20 usr/node',
        'lrwxrwxrwx root/root 0 2023-11-14 22:13:20 bin -> usr/bin',
      ],
    );
  });

  it('gives files of any length their bytes, also one with a long path', async () => {
    const texts = { empty: '', one: '1', block: 'b'.repeat(512), [long]: 'deep' };
    const path = await archive(...Object.entries(texts).map(([name, text]) => file(name, text)));
    await runTool('tar', ['--extract', '--file', path, '--directory', folder]);
    for (const [name, text] of Object.entries(texts)) assert.equal(await readFile(join(folder, name), 'utf8'), text);
  });

  it('refuses what the format cannot hold', () => {
    const refused: TarEntry[] = [
      { path: 'x'.repeat(101), kind: 'file', mode: 0o644 },
      { path: `${'a/'.repeat(100)}${'x'.repeat(60)}`, kind: 'file', mode: 0o644 },
      { path: 'link', kind: 'symlink', mode: 0o777, target: 't'.repeat(101) },
      { path: 'huge', kind: 'file', mode: 0o644, bytes: 2 ** 33 },
    ];
    for (const entry of refused) assert.throws(() => tarHeader(entry, MODIFIED), { code: 'INPUT_INVALID' }, entry.path);
  });
});
