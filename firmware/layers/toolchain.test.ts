import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Board } from '@nodeos/contracts/board.ts';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { buildAddon } from './addon.ts';
import { buildInit } from './init.ts';
import { LayerFixture } from './layer-fixture.testing.ts';
import { boardToolchain } from './toolchain.ts';

type Architecture = Board['architecture'];

/** What readelf must say of programs for each kind of board. */
const KINDS: readonly { architecture: Architecture; machine: RegExp; attributes: readonly RegExp[] }[] = [
  {
    architecture: { kernel: 'x86', debian: 'i386', node: 'ia32', crossPrefix: 'i686-linux-gnu-', compilerFlags: [] },
    machine: /ELF32[\s\S]*Machine:\s+Intel 80386/,
    attributes: [],
  },
  {
    architecture: {
      kernel: 'arm64',
      debian: 'arm64',
      node: 'arm64',
      crossPrefix: 'aarch64-linux-gnu-',
      compilerFlags: [],
    },
    machine: /ELF64[\s\S]*Machine:\s+AArch64/,
    attributes: [],
  },
  {
    architecture: {
      kernel: 'arm',
      debian: 'armhf',
      node: 'arm',
      crossPrefix: 'arm-linux-gnueabihf-',
      compilerFlags: [],
    },
    machine: /ELF32[\s\S]*Machine:\s+ARM[\s\S]*hard-float ABI/,
    attributes: [/Tag_CPU_arch: v7$/m, /Tag_ABI_VFP_args: VFP registers/],
  },
  {
    architecture: {
      kernel: 'arm',
      debian: 'armel',
      node: 'arm',
      crossPrefix: 'arm-linux-gnueabi-',
      compilerFlags: ['-march=armv6kz+fp', '-mfloat-abi=softfp'],
    },
    machine: /ELF32[\s\S]*Machine:\s+ARM[\s\S]*soft-float ABI/,
    attributes: [/Tag_CPU_arch: v6KZ$/m, /Tag_FP_arch: VFPv2/],
  },
];

let fixture: LayerFixture;
before(async () => {
  fixture = await LayerFixture.make();
});
after(() => fixture.remove());

const readelf = (option: string, file: string): string => execFileSync('readelf', ['--wide', option, file]).toString();

for (const { architecture, machine, attributes } of KINDS) {
  const cc = `${architecture.crossPrefix}gcc`;
  const missing = spawnSync(cc, ['--version']).error !== undefined;
  const skip = missing && process.env.CI === undefined ? `${cc} is not installed` : false;
  describe(`programs for ${architecture.debian}`, { skip }, () => {
    it('are for its processor and its calling convention, and need no loader but the launcher', async () => {
      const context = fixture.context();
      const toolchain = await boardToolchain(context, { name: 'example', architecture });
      const init = await buildInit(context, toolchain);
      const addon = join((await buildAddon(context, toolchain)).dir, 'nodeos.node');
      for (const file of [join(init.dir, 'init'), join(init.dir, 'launcher'), addon]) {
        assert.match(readelf('--file-header', file), machine, file);
        for (const attribute of attributes) assert.match(readelf('--arch-specific', file), attribute, file);
        assert.equal(/INTERP/.test(readelf('--program-headers', file)), file.endsWith('launcher'), file);
      }
      assert.doesNotMatch(readelf('--dynamic', join(init.dir, 'init')), /NEEDED/);
      assert.deepEqual(
        readelf('--dynamic', addon)
          .match(/(?<=NEEDED.*\[).*(?=\])/g)
          ?.slice(0, 1),
        ['libc.so.6'],
      );
    });
  });
}

describe('boardToolchain', () => {
  const board = (architecture: Partial<Architecture>): Pick<Board, 'name' | 'architecture'> => ({
    name: 'example',
    architecture: { kernel: 'x86', debian: 'amd64', node: 'x64', crossPrefix: '', compilerFlags: [], ...architecture },
  });

  it('names the packages of a cross compiler that is not installed', async () => {
    await assert.rejects(
      boardToolchain(fixture.context(), board({ crossPrefix: 'none-linux-gnu-' })),
      (error: unknown) =>
        isNodeosError(error) &&
        error.code === 'TOOL_MISSING' &&
        /none-linux-gnu-gcc/.test(error.message) &&
        /apt-get install gcc-none-linux-gnu g\+\+-none-linux-gnu/.test(error.hint),
    );
  });

  it('refuses a compiler for another processor', async () => {
    await assert.rejects(boardToolchain(fixture.context(), board({ debian: 'arm64' })), { code: 'HOST_UNSUPPORTED' });
  });

  it('makes the flags part of what the layers are cached by', async () => {
    const plain = await boardToolchain(fixture.context(), board({}));
    const tuned = await boardToolchain(fixture.context(), board({ compilerFlags: ['-mavx2'] }));
    assert.notEqual(plain.id, tuned.id);
  });
});
