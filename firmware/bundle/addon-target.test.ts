import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AddonTarget, addonMisfit } from './addon-target.ts';
import type { ElfFacts } from './elf.ts';

const target: AddonTarget = {
  abi: 'linux-armhf-glibc',
  architecture: 'arm',
  bits: 32,
  arm: { floatAbi: 'hard', level: 'ARMv7' },
  armVersion: '7',
  glibc: '2.41',
  nodeVersion: '20.19.2',
  modulesVersion: '115',
  libraries: ['libc.so.6'],
};
const fitting: ElfFacts = {
  bits: 32,
  architecture: 'arm',
  needed: ['libc.so.6', 'libvips.so.8'],
  versions: ['GLIBC_2.4', 'GLIBC_2.41', 'GLIBCXX_3.4.99'],
  moduleVersion: null,
  arm: { floatAbi: 'hard', processor: 10 },
};
const shipped = new Set(['libvips.so.8']);

describe('addonMisfit', () => {
  it('finds nothing wrong with an addon that fits', () => {
    assert.equal(addonMisfit(fitting, target, shipped), null);
    const silent = { ...fitting, arm: { floatAbi: null, processor: null }, moduleVersion: '115' } as const;
    assert.equal(addonMisfit(silent, target, shipped), null);
  });

  for (const [reason, changes] of [
    [/made for x64, 64 bits/, { architecture: 'x64', bits: 64 }],
    [/made for musl/, { needed: ['libc.musl-armhf.so.1'] }],
    [/made for soft floating point/, { arm: { floatAbi: 'soft', processor: 10 } }],
    [/made for ARMv8/, { arm: { floatAbi: 'hard', processor: 14 } }],
    [/needs glibc 2\.100, the board has 2\.41/, { versions: ['GLIBC_2.100', 'GLIBC_2.5', 'GLIBC_PRIVATE'] }],
    [/module version 137 of Node, the board has 115/, { moduleVersion: '137' }],
    [/needs libudev\.so\.1, which neither/, { needed: ['libc.so.6', 'libudev.so.1'] }],
  ] as const) {
    it(`says ${reason.source}`, () => {
      assert.match(addonMisfit({ ...fitting, ...(changes as Partial<ElfFacts>) }, target, shipped) ?? '', reason);
    });
  }

  it('refuses what is no ELF at all', () => assert.match(addonMisfit(null, target, shipped) ?? '', /another system/));
});
