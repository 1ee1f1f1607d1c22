import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

const PRELOAD = join(import.meta.dirname, 'preload.cjs');
/** Where a device's root has them; here they are missing, and the error says what was looked for. */
const STAND_IN = /\/usr\/lib\/nodeos\/gpio-onoff\.cjs/;
const ITS_OWN = /Cannot find (module|package) 'onoff'/;

/**
 * What the program says of its import, on this Node.js and on the one that the PATH leads to.
 * @param older names in the folder of the kernel's older interface
 */
async function said(t: TestContext, name: string, text: string, older: readonly string[] = []): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-gpio-preload-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, name), text);
  await mkdir(join(folder, 'gpio'));
  for (const each of older) await writeFile(join(folder, 'gpio', each), '');
  const preload = (await readFile(PRELOAD, 'utf8')).replaceAll('/sys/class/gpio', join(folder, 'gpio'));
  await writeFile(join(folder, 'preload.cjs'), preload);
  const env = { ...process.env, NODE_OPTIONS: '', NODE_NO_WARNINGS: '1' };
  return [process.execPath, 'node'].map((node) =>
    execFileSync(node, ['--require', join(folder, 'preload.cjs'), join(folder, name)], { env, encoding: 'utf8' }),
  );
}

const REQUIRE = `try { require('onoff'); } catch (error) { console.log(error.code, error.message); }`;
const IMPORT = `await import('onoff').catch((error) => console.log(error.code, error.message));`;

for (const [name, program] of [
  ['program.cjs', REQUIRE],
  ['program.mjs', IMPORT],
] as const) {
  test(`a package for the older interface is looked for in the system where the kernel lacks that: ${name}`, async (t) => {
    for (const line of await said(t, name, program)) assert.match(line, STAND_IN);
  });

  test(`so it is where that interface begins to count at 512: ${name}`, async (t) => {
    const older = ['export', 'unexport', 'gpiochip512'];
    for (const line of await said(t, name, program, older)) assert.match(line, STAND_IN);
  });

  test(`where the interface counts from 0, the package is the app's own: ${name}`, async (t) => {
    const older = ['export', 'unexport', 'gpiochip0', 'gpiochip512'];
    for (const line of await said(t, name, program, older)) assert.match(line, ITS_OWN);
  });
}

test('other packages are looked for where they always are', async (t) => {
  const program = `try { require('onoff-like'); } catch (error) { console.log(error.message.split('\\n')[0]); }`;
  for (const line of await said(t, 'program.cjs', program))
    assert.equal(line.trim(), "Cannot find module 'onoff-like'");
});
