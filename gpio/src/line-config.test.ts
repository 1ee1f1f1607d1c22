import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeFlags, type LineOptions, lineConfig } from './line-config.ts';

/** Flags and attributes as linux/gpio.h writes them: 1 << 2 input, 1 << 3 output, ids 1 flags, 2 values, 3 debounce. */
const flat = (options: readonly LineOptions[]) => {
  const { flags, attributes } = lineConfig(options);
  return [Number(flags), ...[...attributes].map(Number)];
};

test('one line: its flags, and the level of an output', () => {
  assert.deepEqual(flat([{}]), [4]);
  assert.deepEqual(flat([{ direction: 'output' }]), [8, 2, 0, 1]);
  assert.deepEqual(flat([{ direction: 'output', value: 1, drive: 'open-drain', activeLow: true }]), [
    8 + 64 + 2,
    2,
    1,
    1,
  ]);
  assert.deepEqual(flat([{ edges: 'both', bias: 'pull-up', debounceMs: 2.5 }]), [4 + 48 + 256, 3, 2500, 1]);
  assert.deepEqual(flat([{ direction: 'as-is' }]), [0]);
});

test('many lines: what most are is the default, the others are exceptions by mask', () => {
  const options: LineOptions[] = [{}, { direction: 'output', value: 1 }, {}, { direction: 'output' }, {}];
  assert.deepEqual(flat(options), [4, 1, 8, 0b01010, 2, 0b00010, 0b01010]);
  const all = lineConfig(Array.from({ length: 64 }, () => ({ direction: 'output', value: 1 }) as const));
  assert.deepEqual([...all.attributes], [2n, 2n ** 64n - 1n, 2n ** 64n - 1n]);
});

test('what makes no sense is refused before the kernel is asked', () => {
  const wrong: readonly (readonly [LineOptions, RegExp])[] = [
    [{ direction: 'output', edges: 'both' }, /edges are seen on inputs/],
    [{ drive: 'open-drain' }, /outputs only/],
    [{ direction: 'as-is', bias: 'pull-up' }, /needs a direction/],
    [{ direction: 'output', debounceMs: 5 }, /only inputs/],
    [{ debounceMs: -1 }, /debounceMs is -1/],
    [{ bias: 'up' } as unknown as LineOptions, /bias is up: none of as-is, pull-up/],
  ];
  for (const [options, message] of wrong)
    assert.throws(
      () => lineConfig([options]),
      (error: Error) => message.test(error.message) && (error as { code?: string }).code === 'GPIO_OPTION_INVALID',
    );
  const different = Array.from({ length: 12 }, (_, at) => ({ debounceMs: at + 1 }));
  assert.throws(() => lineConfig(different), /differ in 12 ways/);
});

test('the kernel’s flags are told in the words of the options', () => {
  const { used, direction, bias, edges } = describeFlags(1n | 4n | 256n | 16n);
  assert.deepEqual(
    { used, direction, bias, edges },
    { used: true, direction: 'input', bias: 'pull-up', edges: 'rising' },
  );
  assert.deepEqual(
    describeFlags(lineConfig([{ direction: 'output', drive: 'open-source', clock: 'realtime' }]).flags),
    {
      ...{ used: false, direction: 'output', activeLow: false, edges: 'none', bias: 'as-is', drive: 'open-source' },
      clock: 'realtime',
    },
  );
});
