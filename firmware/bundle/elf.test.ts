import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { elfAbi, readElf } from './elf.ts';

/** An ELF header without program headers. */
function header(bits: 32 | 64, machine: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32BE(0x7f454c46, 0);
  bytes[4] = bits === 64 ? 2 : 1;
  bytes[5] = 1;
  bytes.writeUInt16LE(machine, 18);
  return bytes;
}

describe('readElf', () => {
  for (const [bits, machine, abi] of [
    [64, 62, 'linux-x64-glibc'],
    [64, 183, 'linux-arm64-glibc'],
    [32, 40, 'linux-arm-glibc'],
    [32, 3, 'linux-ia32-glibc'],
    [64, 4711, 'linux-machine 4711-glibc'],
  ] as const) {
    it(`tells ${abi} by class and machine`, () => {
      const facts = readElf(header(bits, machine));
      assert.ok(facts);
      assert.equal(facts.bits, bits);
      assert.equal(elfAbi(facts), abi);
    });
  }

  it('reads the needed libraries of a real program', async () => {
    const facts = readElf(await readFile(process.execPath));
    assert.ok(facts);
    assert.equal(facts.architecture, process.arch);
    assert.ok(facts.needed.includes('libc.so.6'), facts.needed.join());
  });

  it('tells musl by the name of the C library', () => {
    assert.equal(elfAbi({ bits: 64, architecture: 'x64', needed: ['libc.musl-x86_64.so.1'] }), 'linux-x64-musl');
  });

  it('gives null for other formats and for truncated files', () => {
    assert.equal(readElf(Buffer.from('cffaedfe0700000100000000000000000000000000', 'hex')), null, 'Mach-O');
    assert.equal(readElf(Buffer.from('MZ')), null, 'PE');
    assert.equal(readElf(Buffer.alloc(0)), null, 'empty');
    const big = header(64, 62);
    big[5] = 2;
    assert.equal(readElf(big), null, 'big-endian');
    const torn = header(64, 62);
    torn.writeBigUInt64LE(1_000_000n, 32);
    torn.writeUInt16LE(56, 54);
    torn.writeUInt16LE(3, 56);
    assert.equal(readElf(torn), null, 'program headers beyond the end');
  });
});
