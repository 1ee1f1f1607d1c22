import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { choosePackage, parseOffers } from './package-choice.ts';

const A = 'a'.repeat(64);
const B = 'b'.repeat(64);

test('reads what apt-cache shows, several versions of a package in their order', () => {
  const text = `Package: libc6\nVersion: 2.2\nDescription: x\n  more\nSHA256: ${B}\n\nPackage: libc6\nVersion: 2.1\nSHA256: ${A}\n\nPackage: broken\nVersion: 1\n`;
  assert.deepEqual(
    [...parseOffers(text)],
    [
      [
        'libc6',
        [
          { name: 'libc6', version: '2.2', sha256: B },
          { name: 'libc6', version: '2.1', sha256: A },
        ],
      ],
    ],
  );
});

const offers = [
  { name: 'libc6', version: '2.2', sha256: B },
  { name: 'libc6', version: '2.1', sha256: A },
];

test('the pinned version is taken although a newer one is there', () => {
  assert.deepEqual(choosePackage('libc6', { version: '2.1', sha256: A }, offers), {
    kind: 'pinned',
    package: offers[1],
  });
});

test('a pinned version that is gone gives the newest', () => {
  const pin = { version: '2.0', sha256: A };
  assert.deepEqual(choosePackage('libc6', pin, offers), { kind: 'newer', package: offers[0], pin });
});

test('a package outside the lock file gives the newest, marked as such', () => {
  assert.deepEqual(choosePackage('libc6', undefined, offers), { kind: 'unpinned', package: offers[0] });
});

test('the pinned version with other bytes is refused', () => {
  assert.throws(
    () => choosePackage('libc6', { version: '2.1', sha256: B }, offers),
    (error: unknown) => isNodeosError(error) && error.code === 'SOURCE_MISMATCH' && /libc6 2\.1/.test(error.message),
  );
});

test('a name that Debian does not have is refused', () => {
  assert.throws(
    () => choosePackage('libc7', undefined, []),
    (error: unknown) => isNodeosError(error) && error.code === 'NOT_FOUND' && /libc7/.test(error.message),
  );
});
