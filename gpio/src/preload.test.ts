import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

const PRELOAD = join(import.meta.dirname, 'preload.cjs');
/** Where a device's root has them; here they are missing, and the error says what was looked for. */
const EXPECTED = existsSync('/sys/class/gpio/export') ? /onoff/ : /\/usr\/lib\/nodeos\/gpio-onoff\.cjs/;

/** What the program says of its import, on this Node.js and on the one that the PATH leads to. */
async function said(t: TestContext, name: string, text: string): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-gpio-preload-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, name), text);
  const env = { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' };
  return [process.execPath, 'node'].map((node) =>
    execFileSync(node, ['--require', PRELOAD, join(folder, name)], { env, encoding: 'utf8' }),
  );
}

test('a package for the older interface is looked for in the system where the kernel lacks that: require', async (t) => {
  const program = `try { require('onoff'); } catch (error) { console.log(error.code, error.message); }`;
  for (const line of await said(t, 'program.cjs', program)) assert.match(line, EXPECTED);
});

test('a package for the older interface is looked for in the system where the kernel lacks that: import', async (t) => {
  const program = `await import('onoff').catch((error) => console.log(error.code, error.message));`;
  for (const line of await said(t, 'program.mjs', program)) assert.match(line, EXPECTED);
});

test('other packages are looked for where they always are', async (t) => {
  const program = `try { require('onoff-like'); } catch (error) { console.log(error.message.split('\\n')[0]); }`;
  for (const line of await said(t, 'program.cjs', program))
    assert.equal(line.trim(), "Cannot find module 'onoff-like'");
});
