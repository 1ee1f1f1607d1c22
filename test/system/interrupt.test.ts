import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startCommand } from '../support/command.ts';
import { processesOf, unfinishedBelow } from '../support/left-overs.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-interrupt-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Starts the story with a folder for temporary files of its own, and sends Ctrl-C once the pattern was seen. */
async function interruptAt(name: string, pattern: RegExp, limitMs: number, env: Record<string, string> = {}) {
  const temporary = mkdtempSync(join(folder, `${name}-`));
  const story = startCommand('npm', ['start', '--', '--exit'], { env: { ...env, TMPDIR: temporary } });
  await story.waitFor(pattern, limitMs);
  story.child.kill('SIGINT');
  const result = await story.ended;
  return { result, running: processesOf(story.marker), left: readdirSync(temporary).filter(isOurs) };
}

/** npm itself and Node keep caches in the folder for temporary files. */
function isOurs(name: string): boolean {
  return !/^(npm-|node-compile-cache|v8-compile-cache)/.test(name);
}

test('Ctrl-C during the build leaves no process, no temporary file and no half layer', async () => {
  const cache = join(folder, 'cache');
  const { result, running, left } = await interruptAt('build', /^(kernel|debian|rootfs|sources?|apt)\b.*:/m, 120_000, {
    XDG_CACHE_HOME: cache,
  });
  assert.notEqual(result.code, 0);
  assert.deepEqual(running, []);
  assert.deepEqual(left, []);
  if (existsSync(cache)) assert.deepEqual(unfinishedBelow(cache), []);
});

test('Ctrl-C during the story leaves no machine, no server and no temporary file', async () => {
  const { result, running, left } = await interruptAt('story', /device enrolled: ok/, 900_000);
  assert.notEqual(result.code, 0);
  assert.match(result.stdout + result.stderr, /INTERRUPTED/);
  assert.deepEqual(running, []);
  assert.deepEqual(left, []);
});
