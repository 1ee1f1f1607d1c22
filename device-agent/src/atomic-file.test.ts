import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const WRITES = 2_000;

test('two processes that replace one file do not meet: no write fails, and each reader sees a whole text', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-replace-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'dns/resolv.conf');
  const module = fileURLToPath(new URL('./atomic-file.ts', import.meta.url));
  const texts = ['nameserver 10.0.2.3\n'.repeat(3), 'nameserver 9.9.9.9\n'.repeat(400)];
  // Both wait for the same word, so that they write at the same time.
  const writers = texts.map((text) => {
    const source = `import { replaceInMemory } from ${JSON.stringify(module)};
      process.stdin.once('data', () => {
        for (let i = 0; i < ${WRITES}; i++) replaceInMemory(${JSON.stringify(file)}, ${JSON.stringify(text)});
        process.exit(0);
      });
      console.log('ready');`;
    return spawn(process.execPath, ['--input-type=module-typescript', '--eval', source], { stdio: 'pipe' });
  });
  const errors = writers.map((writer) => writer.stderr.toArray());
  const ended = writers.map((writer) => once(writer, 'exit'));
  await Promise.all(writers.map((writer) => once(writer.stdout, 'data')));
  for (const writer of writers) writer.stdin.write('go');
  let writing = true;
  const over = Promise.all(ended).finally(() => {
    writing = false;
  });
  while (writing) {
    const seen = await readFile(file, 'utf8').catch((error) => (error.code === 'ENOENT' ? texts[0] : error));
    assert.ok(texts.includes(seen), `a reader saw ${String(seen).slice(0, 100)}`);
  }
  for (const [index, [code]] of (await over).entries())
    assert.equal(code, 0, Buffer.concat((await errors[index]) as Buffer[]).toString());
  assert.deepEqual(await readdir(join(folder, 'dns')), ['resolv.conf']);
});
