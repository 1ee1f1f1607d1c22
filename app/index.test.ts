import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as nodeos from '@nodeos/app';

test('what the types promise is there, to ES modules by name, and nothing more', () => {
  const types = readFileSync(new URL('./index.d.cts', import.meta.url), 'utf8');
  const promised = [...types.matchAll(/^export (?:const|function) (\w+)/gm)].map(([, name]) => name);
  const there = Object.keys(nodeos).filter((name) => !['default', 'module.exports', '__esModule'].includes(name));
  assert.deepEqual(there.sort(), promised.sort());
});

test('it needs no other package and is short', () => {
  const source = readFileSync(new URL('./index.cjs', import.meta.url), 'utf8');
  const needed = [...source.matchAll(/require\('([^']+)'\)/g)].map(([, name]) => name);
  assert.ok(
    needed.every((name) => name?.startsWith('node:')),
    needed.join(', '),
  );
  assert.ok(Buffer.byteLength(source) < 8_192);
  const manifest = JSON.parse(readFileSync(new URL('./package.json', import.meta.url), 'utf8'));
  assert.equal(manifest.dependencies, undefined);
});

test('an app may be typed against it', async () => {
  const held = await nodeos.holdUpdates('a test');
  held.release();
  const facts: nodeos.DeviceInfo | null = await nodeos.deviceInfo();
  const { count, reason }: nodeos.Restart = await nodeos.restart();
  assert.deepEqual([facts, count, reason, nodeos.onDevice], [null, 0, null, false]);
});
