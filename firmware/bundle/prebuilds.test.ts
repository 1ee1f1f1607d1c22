import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { choosePrebuild, folderFits } from './prebuilds.ts';

const target = { architecture: 'x64', modulesVersion: '137' };

describe('choosePrebuild', () => {
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
    it(name, () => assert.equal(choosePrebuild(files, target)?.file ?? null, expected));
  }

  it('takes only Node-API addons where the module version is not known', () => {
    const unknown = { architecture: 'arm', modulesVersion: null };
    assert.equal(choosePrebuild(['node.abi115.node'], unknown), null);
    assert.equal(choosePrebuild(['node.napi.armv7.node'], unknown)?.file, 'node.napi.armv7.node');
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
