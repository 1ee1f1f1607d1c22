import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exampleBoard } from '../plan/example-board.testing.ts';
import { admits, withoutMachineCode } from './platform-packages.ts';

const platform = { os: 'linux', cpu: 'arm', libc: 'glibc' };

test('lists of package.json admit as npm reads them', () => {
  assert.equal(admits({}, platform), true);
  assert.equal(admits({ os: ['linux', 'darwin'], cpu: ['arm'] }, platform), true);
  assert.equal(admits({ os: ['!win32'] }, platform), true);
  assert.equal(admits({ os: ['!linux'] }, platform), false);
  assert.equal(admits({ cpu: ['arm64'] }, platform), false);
  assert.equal(admits({ libc: ['musl'] }, platform), false);
});

const lock = (packages: object): string => JSON.stringify({ lockfileVersion: 3, packages });
const kind = (cpu: string, os = 'linux'): object => ({ cpu: [cpu], os: [os], optional: true });

test('a package whose machine code is in optional packages must have one for the board', () => {
  const ia32 = { architecture: { ...exampleBoard.architecture, node: 'ia32' } } as const;
  const text = lock({
    '': { name: 'app', optionalDependencies: { 'image-x64': '1' } },
    'node_modules/image': { optionalDependencies: { 'image-x64': '1', 'image-arm64': '1' } },
    'node_modules/image-x64': kind('x64'),
    'node_modules/image-arm64': kind('arm64'),
    'node_modules/watch': { optionalDependencies: { fsevents: '1' } },
    'node_modules/fsevents': { os: 'darwin', optional: true },
    'node_modules/outer': {},
    'node_modules/outer/node_modules/inner': { optionalDependencies: { 'image-arm64': '1' } },
    'node_modules/spare': { optional: true, optionalDependencies: { 'image-arm64': '1' } },
  });
  assert.deepEqual(withoutMachineCode(text, exampleBoard), ['inner']);
  assert.deepEqual(withoutMachineCode(text, ia32), ['image', 'inner']);
});
