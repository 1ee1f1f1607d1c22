import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { build, sharedCache } from '../support/build.ts';
import { seedCache } from '../support/clone.ts';
import { startCommand } from '../support/command.ts';
import { processesOf, unfinishedBelow } from '../support/left-overs.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-interrupt-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Interruption {
  readonly name: string;
  readonly pattern: RegExp;
  readonly limitMs: number;
  /** A terminal sends Ctrl-C to the whole group; `kill` reaches npm alone. */
  readonly to: 'group' | 'npm';
  readonly env?: Record<string, string>;
}

/** Starts the story with a folder for temporary files of its own, and interrupts it once the pattern was seen. */
async function interruptAt({ name, pattern, limitMs, to, env }: Interruption) {
  const temporary = mkdtempSync(join(folder, `${name}-`));
  const story = startCommand('npm', ['start', '--', '--exit'], {
    env: { ...env, TMPDIR: temporary },
    detached: true,
  });
  await story.waitFor(pattern, limitMs);
  const pid = story.child.pid as number;
  process.kill(to === 'group' ? -pid : pid, 'SIGINT');
  const result = await story.ended;
  return { result, running: processesOf(story.marker), left: readdirSync(temporary).filter(isOurs) };
}

/** npm itself and Node keep caches in the folder for temporary files. */
function isOurs(name: string): boolean {
  return !/^(npm-|node-compile-cache|v8-compile-cache)/.test(name);
}

test('Ctrl-C during the build leaves no process, no temporary file and no half layer', async () => {
  const cache = join(folder, 'cache');
  await build(['--layer', 'slot', '--out', join(folder, 'out')]);
  await seedCache(sharedCache(), join(cache, 'nodeos'), ['apt', 'debian', 'kernel', 'node-runtime', 'packages']);
  const { result, running, left } = await interruptAt({
    name: 'build',
    pattern: /^node-image: compressing/m,
    limitMs: 120_000,
    to: 'group',
    env: { XDG_CACHE_HOME: cache },
  });
  assert.notEqual(result.code, 0);
  assert.deepEqual(running, []);
  assert.deepEqual(left, []);
  if (existsSync(cache)) assert.deepEqual(unfinishedBelow(cache), []);
});

test('Ctrl-C during the story leaves no machine, no server and no temporary file', async () => {
  const { result, running, left } = await interruptAt({
    name: 'story',
    pattern: /device enrolled: ok/,
    limitMs: 900_000,
    to: 'npm',
  });
  assert.notEqual(result.code, 0);
  assert.match(result.stderr, /^error INTERRUPTED/m);
  assert.doesNotMatch(result.stdout, /The story is told/);
  assert.deepEqual(running, []);
  assert.deepEqual(left, []);
});
