import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type ElfFacts, needsMusl, readElf } from './elf.ts';
import { processorName, processorRuns } from './elf-arm.ts';

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
  for (const [bits, machine, architecture] of [
    [64, 62, 'x64'],
    [64, 183, 'arm64'],
    [32, 40, 'arm'],
    [32, 3, 'ia32'],
    [64, 4711, 'machine 4711'],
  ] as const) {
    it(`tells ${architecture} by class and machine`, () => {
      const facts = readElf(header(bits, machine));
      assert.ok(facts);
      assert.equal(facts.bits, bits);
      assert.equal(facts.architecture, architecture);
    });
  }

  it('reads the needed libraries and their versions of a real program', async () => {
    const facts = readElf(await readFile(process.execPath));
    assert.ok(facts);
    assert.equal(facts.architecture, process.arch);
    assert.ok(facts.needed.includes('libc.so.6'), facts.needed.join());
    const shown = execFileSync('readelf', ['--wide', '--version-info', process.execPath]).toString();
    const needs = shown.slice(shown.indexOf("section '.gnu.version_r'"));
    const names = new Set([...needs.matchAll(/Name: (\S+)/g)].map((match) => match[1]));
    assert.ok(names.size > 3);
    assert.deepEqual([...facts.versions], [...names].sort());
  });

  it('tells musl by the name of the C library', () => {
    assert.equal(needsMusl({ needed: ['libc.musl-x86_64.so.1'] }), true);
    assert.equal(needsMusl({ needed: ['libc.so.6'] }), false);
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

const source = 'double node_register_module_v115(double a) { return a * 2; }\n';

/** What a compiler with these flags makes of an addon, as we and as readelf read it. */
async function compile(folder: string, name: string, cc: string, flags: string[]): Promise<[ElfFacts, string]> {
  const output = join(folder, `${name}.so`);
  execFileSync(cc, [...flags, '-shared', '-fPIC', '-nostdlib', '-O1', '-x', 'c', '-', '-o', output], { input: source });
  const facts = readElf(await readFile(output));
  assert.ok(facts);
  return [facts, execFileSync('readelf', ['--wide', '--header', '--arch-specific', output]).toString()];
}

const compilers = [
  { cc: 'arm-linux-gnueabihf-gcc', flags: [], floatAbi: 'hard', processor: 'ARMv7' },
  {
    cc: 'arm-linux-gnueabi-gcc',
    flags: ['-march=armv6kz+fp', '-mfloat-abi=softfp'],
    floatAbi: 'soft',
    processor: 'ARMv6KZ',
  },
  { cc: 'arm-linux-gnueabi-gcc', flags: ['-march=armv5te'], floatAbi: 'soft', processor: 'ARMv5TE' },
] as const;

for (const { cc, flags, floatAbi, processor } of compilers) {
  const missing = spawnSync(cc, ['--version']).error !== undefined;
  const skip = missing && process.env.CI === undefined ? `${cc} is not installed` : false;
  describe(`an addon of ${[cc, ...flags].join(' ')}`, { skip }, () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'nodeos-elf-'));
    });
    after(() => rm(folder, { recursive: true, force: true }));

    it(`is for ${processor} and ${floatAbi} floating point, as readelf says`, async () => {
      const [facts, shown] = await compile(folder, 'addon', cc, [...flags]);
      assert.equal(facts.arm?.floatAbi, floatAbi);
      assert.equal(processorName(facts.arm?.processor ?? -1), processor);
      assert.equal(facts.moduleVersion, '115');
      assert.match(shown, new RegExp(`Tag_CPU_arch: v${processor.slice('ARMv'.length)}\\b`));
      assert.equal(/Tag_ABI_VFP_args: VFP registers/.test(shown), floatAbi === 'hard');
      assert.match(shown, floatAbi === 'hard' ? /hard-float ABI/ : /soft-float ABI/);
    });
  });
}

it('knows which processors run what, although their numbers do not rise with them', () => {
  const numbers = { ARMv5TE: 4, ARMv6: 6, ARMv6KZ: 7, ARMv6T2: 8, ARMv6K: 9, ARMv7: 10, ARMv8: 14 };
  for (const [name, number] of Object.entries(numbers)) assert.equal(processorName(number), name);
  const run = (level: 'ARMv6' | 'ARMv7'): string[] =>
    Object.entries(numbers).flatMap(([name, number]) => (processorRuns(level, number) ? [name] : []));
  assert.deepEqual(run('ARMv6'), ['ARMv5TE', 'ARMv6', 'ARMv6KZ', 'ARMv6K']);
  assert.deepEqual(run('ARMv7'), ['ARMv5TE', 'ARMv6', 'ARMv6KZ', 'ARMv6T2', 'ARMv6K', 'ARMv7']);
});
