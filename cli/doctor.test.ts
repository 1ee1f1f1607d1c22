import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { type Check, checkTools, installCommand, packageChecks, wantedPackages } from './doctor.ts';
import { packagesOfBoards } from './doctor-boards.ts';

const check = (state: Check['state'], debianPackage?: string): Check => ({
  name: 'x',
  state,
  detail: '',
  debianPackage,
});

describe('installCommand', () => {
  it('names each missing package once, sorted', () => {
    const checks = [check('missing', 'mtools'), check('missing', 'bc'), check('missing', 'mtools'), check('ok', 'gcc')];
    assert.equal(installCommand(checks)?.join(' '), 'apt-get install --yes --no-install-recommends bc mtools');
  });
  it('is null where nothing can be installed', () => {
    assert.equal(installCommand([check('ok', 'gcc'), check('warning'), check('missing')]), null);
  });
});

describe('checkTools', () => {
  it('names the Debian package of a program that is not on the PATH', async () => {
    const gcc = (await checkTools('/nonexistent')).find((found) => found.name === 'gcc');
    assert.deepEqual([gcc?.state, gcc?.debianPackage], ['missing', 'gcc']);
  });
});

describe('packages of boards', () => {
  const listed = [
    { package: 'ovmf', group: 'emulate', for: 'UEFI firmware' },
    { package: 'chromium', group: 'test', for: 'drives the dashboard' },
    { package: 'gcc-arm-linux-gnueabi', group: 'boards', for: 'compiles for ARMv6 boards' },
  ];
  it('are the compilers, the emulator and its firmware of each board', async () => {
    const boards = await Promise.all(['raspberrypi2', 'orangepi-pc', 'arm64-uefi'].map(loadBoard));
    assert.deepEqual(Object.fromEntries(packagesOfBoards(boards)), {
      'gcc-arm-linux-gnueabihf': ['raspberrypi2', 'orangepi-pc'],
      'g++-arm-linux-gnueabihf': ['raspberrypi2', 'orangepi-pc'],
      'device-tree-compiler': ['raspberrypi2', 'orangepi-pc'],
      'qemu-system-arm': ['raspberrypi2', 'orangepi-pc', 'arm64-uefi'],
      'gcc-aarch64-linux-gnu': ['arm64-uefi'],
      'g++-aarch64-linux-gnu': ['arm64-uefi'],
      'qemu-efi-aarch64': ['arm64-uefi'],
    });
  });
  it('that are not installed are told with those boards, and are no failure', async () => {
    const wanted = wantedPackages(listed, packagesOfBoards([await loadBoard('raspberrypi0')]));
    const checks = packageChecks(wanted, new Set(['qemu-system-arm installed']));
    const state = Object.fromEntries(checks.map(({ name, state }) => [name, state]));
    assert.deepEqual(state, {
      ovmf: 'missing',
      'gcc-arm-linux-gnueabi': 'optional',
      'g++-arm-linux-gnueabi': 'optional',
      'device-tree-compiler': 'optional',
      'qemu-system-arm': 'ok',
    });
    const compiler = checks.find(({ name }) => name === 'gcc-arm-linux-gnueabi')?.detail;
    assert.equal(compiler, 'not installed; compiles for ARMv6 boards; needed for raspberrypi0 only');
    assert.deepEqual(installCommand(checks)?.slice(4), ['ovmf']);
  });
});
