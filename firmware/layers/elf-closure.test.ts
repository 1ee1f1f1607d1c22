import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runTool } from '../run-tool.ts';
import { libraryClosure } from './elf-closure.ts';

describe('libraryClosure', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nodeos-closure-'));
    const compile = async (text: string, output: string, ...more: string[]): Promise<void> => {
      await writeFile(join(folder, 'source.c'), text);
      const args = ['-nostdlib', '-fPIC', '-o', output, 'source.c', '-L.', ...more];
      await runTool('gcc', args, { cwd: folder });
    };
    await compile('int deep(void) { return 1; }', 'libdeep.so', '-shared');
    await compile('int deep(void); int near(void) { return deep(); }', 'libnear.so', '-shared', '-ldeep');
    await compile('int near(void); void _start(void) { near(); }', 'program', '-lnear', '-Wl,-rpath-link,.');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('finds what a program needs and what that needs, and the names that are given', async () => {
    const program = join(folder, 'program');
    assert.deepEqual([...(await libraryClosure([program], [], [folder])).keys()], ['libdeep.so', 'libnear.so']);
    assert.deepEqual([...(await libraryClosure([], ['libdeep.so'], [folder])).keys()], ['libdeep.so']);
  });

  it('names the library that is missing and who needs it', async () => {
    await rm(join(folder, 'libdeep.so'));
    await assert.rejects(libraryClosure([join(folder, 'program')], [], [folder]), {
      code: 'SOURCE_MISMATCH',
      message: /libnear\.so needs libdeep\.so/,
    });
  });
});
