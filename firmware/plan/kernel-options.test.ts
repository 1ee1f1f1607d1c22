import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import {
  assertKept,
  assertKnown,
  formatOptions,
  kconfigSymbols,
  mergeOptions,
  parseConfig,
  parseFragment,
} from './kernel-options.ts';

function coded(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => isNodeosError(error) && error.code === code && message.test(error.message);
}

test('reads all forms of a fragment line and skips comments', () => {
  const text =
    '# USB\nCONFIG_USB=y\n\nCONFIG_NAME="a \\"b\\" #c"\nCONFIG_COUNT=-4\nCONFIG_START=0x1000\n# CONFIG_MOUSE is not set\nCONFIG_PAD=n\n';
  assert.deepEqual(
    parseFragment(text, 'a.config').map(({ name, value, where }) => [name, value, where]),
    [
      ['CONFIG_USB', 'y', 'a.config:2'],
      ['CONFIG_NAME', '"a \\"b\\" #c"', 'a.config:4'],
      ['CONFIG_COUNT', '-4', 'a.config:5'],
      ['CONFIG_START', '0x1000', 'a.config:6'],
      ['CONFIG_MOUSE', 'n', 'a.config:7'],
      ['CONFIG_PAD', 'n', 'a.config:8'],
    ],
  );
});

for (const line of [
  'CONFIG_USB',
  'USB=y',
  'CONFIG_USB=yes',
  'CONFIG_USB=m',
  'CONFIG_USB="open',
  'CONFIG_USB = y',
  'CONFIG_A=y CONFIG_B=y',
  '#CONFIG_USB is not set',
  '# CONFIG_USB=y',
]) {
  test(`refuses the line ${JSON.stringify(line)} with file and line`, () => {
    assert.throws(() => parseFragment(`# x\n${line}\n`, 'bad.config'), coded('INPUT_INVALID', /^bad\.config:2: /));
  });
}

test('merges fragments sorted, the same wish twice is one', () => {
  const merged = mergeOptions([
    parseFragment('CONFIG_NET=y\nCONFIG_B=1\n', 'a'),
    parseFragment('CONFIG_NET=y\n# CONFIG_A is not set\n', 'b'),
  ]);
  assert.equal(formatOptions(merged), '# CONFIG_A is not set\nCONFIG_B=1\nCONFIG_NET=y\n');
});

test('two fragments that disagree are an error that names both places', () => {
  assert.throws(
    () => mergeOptions([parseFragment('CONFIG_NET=y', 'a'), parseFragment('\nCONFIG_NET=n', 'b')]),
    coded('INPUT_INVALID', /CONFIG_NET is y in a:1 and n in b:2/),
  );
});

test('one fragment that disagrees with itself is an error too', () => {
  assert.throws(
    () => mergeOptions([parseFragment('CONFIG_NET=y\nCONFIG_NET=n', 'a')]),
    coded('INPUT_INVALID', /a:1 and n in a:2/),
  );
});

test('finds the symbols of a Kconfig file, not the words in its help', () => {
  const text =
    'menu "x"\nconfig NET\n\tbool "net"\n\thelp\n\t  The config file of\n  menuconfig USB # why\nconfig 64BIT\n';
  assert.deepEqual(kconfigSymbols(text), ['CONFIG_NET', 'CONFIG_USB', 'CONFIG_64BIT']);
});

test('an option that no Kconfig file knows is named with its place', () => {
  const asked = parseFragment('CONFIG_NET=y\n# CONFIG_NETT is not set\n', 'net.config');
  assert.throws(
    () => assertKnown(asked, new Set(['CONFIG_NET']), 'Linux 6.12'),
    coded('KERNEL_OPTION_UNKNOWN', /Linux 6\.12 has no option CONFIG_NETT \(net\.config:2\)$/),
  );
  assertKnown(asked, new Set(['CONFIG_NET', 'CONFIG_NETT']), 'Linux 6.12');
});

test('what the final configuration dropped, kept on or changed is named with its place', () => {
  const asked = parseFragment('CONFIG_A=y\nCONFIG_B=n\nCONFIG_C=5\nCONFIG_D="x"\nCONFIG_E=0xAB\n', 'f');
  assertKept(asked, parseConfig('CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=5\nCONFIG_D="x"\nCONFIG_E=0xab\n'));
  assert.throws(
    () => assertKept(asked, parseConfig('CONFIG_B=y\nCONFIG_C=6\nCONFIG_D="x"\nCONFIG_E=0xab\n')),
    coded(
      'KERNEL_OPTION_DROPPED',
      /CONFIG_A=y \(f:1\) became n, CONFIG_B=n \(f:2\) became y, CONFIG_C=5 \(f:3\) became 6$/,
    ),
  );
});
