import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { BuildContext } from '../context.ts';
import { runTool } from '../run-tool.ts';
import { buildInit } from './init.ts';

const sources = fileURLToPath(new URL('../init', import.meta.url));
const toolchain = { cc: 'gcc', strip: 'strip', flags: [], id: 'host' };

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-init-'));
});
after(() => rm(folder, { recursive: true, force: true }));

function contextFor(name: string): BuildContext {
  return { cacheRoot: join(folder, name), signal: new AbortController().signal, progress: () => {}, locked: false };
}

async function copySources(name: string): Promise<string> {
  const copy = join(folder, name);
  await cp(sources, copy, { recursive: true });
  return copy;
}

describe('buildInit', () => {
  it('gives the same bytes from sources in different folders, and takes the second build from the cache', async () => {
    const first = await buildInit(contextFor('cache-1'), toolchain, await copySources('short'));
    const second = await buildInit(
      contextFor('cache-2'),
      toolchain,
      await copySources('a-folder-with-a-much-longer-name'),
    );
    assert.equal(first.hash, second.hash);
    for (const program of ['init', 'launcher']) {
      const bytes = await readFile(join(first.dir, program));
      assert.ok(bytes.equals(await readFile(join(second.dir, program))), `${program} differs`);
      assert.ok(!bytes.includes(folder), `${program} names the folder that it was built in`);
    }
    assert.equal((await buildInit(contextFor('cache-1'), toolchain, join(folder, 'short'))).cached, true);
  });

  it('makes stripped executables without a build id: init needs nothing, the launcher the C library alone, bound at once', async () => {
    const built = await buildInit(contextFor('cache-1'), toolchain, sources);
    for (const [program, libraries, most] of [
      ['init', [], 1_000_000],
      ['launcher', ['libc.so.6'], 100_000],
    ] as const) {
      const path = join(built.dir, program);
      const words = ['--wide', '--program-headers', '--sections', '--dynamic', path];
      const shown = (await runTool('readelf', words)).stdout.toString();
      assert.doesNotMatch(shown, /\.symtab|\.note\.gnu\.build-id/);
      assert.deepEqual(
        [...shown.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name),
        libraries,
      );
      assert.equal(/\(FLAGS_1\).*NOW/.test(shown), program === 'launcher');
      const { mode, size } = await stat(path);
      assert.equal(mode & 0o111, 0o111);
      assert.ok(size < most, `${program} has ${size} bytes`);
    }
  });

  it('fails with the lines of the compiler when a source does not compile, and leaves nothing in the cache', async () => {
    const copy = await copySources('broken');
    await writeFile(join(copy, 'pid1', 'watchdog.c'), 'int watchdog_open(void) { return missing; }\n');
    const context = contextFor('cache-3');
    await assert.rejects(buildInit(context, toolchain, copy), (error: unknown) => {
      assert.ok(error instanceof NodeosError);
      assert.equal(error.code, 'TOOL_FAILED');
      assert.match(error.message, /missing/);
      return true;
    });
    await assert.rejects(buildInit(context, toolchain, copy), 'the second attempt must not find a result in the cache');
  });

  it('names the compiler that is not installed', async () => {
    await assert.rejects(buildInit(contextFor('cache-4'), { ...toolchain, cc: 'no-such-gcc' }, sources), {
      code: 'TOOL_MISSING',
    });
  });
});
