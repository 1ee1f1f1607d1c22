import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { folderFits, rankPrebuilds } from './prebuilds.ts';

const target = { architecture: 'x64', armVersion: null, modulesVersion: '137' };

describe('rankPrebuilds', () => {
  for (const [name, files, expected] of [
    ['takes glibc, not musl', ['addon.napi.musl.node', 'addon.napi.glibc.node'], 'addon.napi.glibc.node'],
    ['refuses musl', ['addon.napi.musl.node'], null],
    ['takes an untagged file', ['addon.node'], 'addon.node'],
    ['takes the exact module version', ['node.abi115.node', 'node.abi137.node'], 'node.abi137.node'],
    ['refuses other module versions', ['node.abi115.node'], null],
    ['refuses Electron', ['electron.napi.node'], null],
    ['prefers the more specific file', ['node.napi.node', 'node.napi.glibc.node'], 'node.napi.glibc.node'],
    ['refuses ARM variants on other machines', ['node.napi.armv7.node'], null],
    ['ignores other files', ['README.md'], null],
  ] as const) {
    it(name, () => assert.equal(rankPrebuilds(files, target)[0] ?? null, expected));
  }

  it('takes of ARM variants only the one that the loader on the device asks for', () => {
    const files = ['addon.armv6.node', 'addon.armv7.node', 'addon.armv8.node', 'addon.node'];
    const rank = (architecture: string, armVersion: string): string[] =>
      rankPrebuilds(files, { ...target, architecture, armVersion });
    assert.deepEqual(rank('arm', '6'), ['addon.armv6.node', 'addon.node']);
    assert.deepEqual(rank('arm', '7'), ['addon.armv7.node', 'addon.node']);
    assert.deepEqual(rank('arm64', '8'), ['addon.armv8.node', 'addon.node']);
  });
});

describe('folderFits', () => {
  it('reads single and joined architectures', () => {
    assert.equal(folderFits('linux-x64', target), true);
    assert.equal(folderFits('linux-arm64+x64', target), true);
    assert.equal(folderFits('linux-arm64', target), false);
    assert.equal(folderFits('darwin-x64+arm64', target), false);
  });
});
