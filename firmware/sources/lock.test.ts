import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { formatLock, lockPath, lockSchema, readLock } from './lock.ts';

test('the lock file fits its schema, is in canonical form and holds no address', async () => {
  const text = await readFile(lockPath(), 'utf8');
  assert.equal(formatLock(await readLock()), text);
  assert.doesNotMatch(text, /:\/\//);
});

test('the lock file pins the kernel source and both Node binaries', async () => {
  const lock = await readLock();
  assert.match(lock.debian.amd64?.['linux-source-6.12']?.version ?? '', /^6\.12\./);
  assert.deepEqual(Object.keys(lock.node.integrity).sort(), ['arm64', 'x64']);
});

test('names, versions and hashes of another form are refused', async () => {
  const lock = await readLock();
  const withPackage = (name: string, version: string, sha256: string) =>
    lockSchema.safeParse({ ...lock, debian: { amd64: { [name]: { version, sha256 } } } }).success;
  assert.equal(withPackage('libc6', '1:2.41-12+deb13u4', 'a'.repeat(64)), true);
  assert.equal(withPackage('../libc6', '2.41', 'a'.repeat(64)), false);
  assert.equal(withPackage('libc6', '2.41/../x', 'a'.repeat(64)), false);
  assert.equal(withPackage('libc6', '2.41', 'A'.repeat(64)), false);
  assert.equal(lockSchema.safeParse({ ...lock, node: { ...lock.node, version: '24' } }).success, false);
});
