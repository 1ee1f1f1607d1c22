import { NodeosError } from '@nodeos/contracts/errors.ts';

export type Level = 0 | 1;
export interface LineOptions {
  /** Default: input. `as-is` changes nothing. */
  readonly direction?: 'input' | 'output' | 'as-is';
  /** Level of an output from the first moment on; default 0. */
  readonly value?: Level;
  readonly bias?: 'as-is' | 'pull-up' | 'pull-down' | 'disabled';
  readonly drive?: 'push-pull' | 'open-drain' | 'open-source';
  /** 1 means a low voltage. */
  readonly activeLow?: boolean;
  /** Which changes of an input are told. */
  readonly edges?: 'none' | 'rising' | 'falling' | 'both';
  /** Milliseconds that a level must last to count; by the hardware where it can, else by the kernel. */
  readonly debounceMs?: number;
  /** Clock of the edges' time stamps; default: monotonic, the clock of `process.hrtime.bigint()`. */
  readonly clock?: 'monotonic' | 'realtime';
}

/** Bits of `enum gpio_v2_line_flag`, linux/gpio.h. */
const FLAG = {
  activeLow: 1n << 1n,
  input: 1n << 2n,
  output: 1n << 3n,
  rising: 1n << 4n,
  falling: 1n << 5n,
  openDrain: 1n << 6n,
  openSource: 1n << 7n,
  pullUp: 1n << 8n,
  pullDown: 1n << 9n,
  biasDisabled: 1n << 10n,
  realtime: 1n << 11n,
} as const;
const USED = 1n;
/** `enum gpio_v2_line_attr_id` and GPIO_V2_LINE_NUM_ATTRS_MAX. */
const ATTRIBUTE = { flags: 1n, values: 2n, debounce: 3n } as const;
const ATTRIBUTES_MAX = 10;
export const LINES_MAX = 64;

const EDGES = { none: 0n, rising: FLAG.rising, falling: FLAG.falling, both: FLAG.rising | FLAG.falling } as const;
const BIASES = {
  'as-is': 0n,
  'pull-up': FLAG.pullUp,
  'pull-down': FLAG.pullDown,
  disabled: FLAG.biasDisabled,
} as const;
const DRIVES = { 'push-pull': 0n, 'open-drain': FLAG.openDrain, 'open-source': FLAG.openSource } as const;
const DIRECTIONS = { input: FLAG.input, output: FLAG.output, 'as-is': 0n } as const;

export interface LineConfig {
  readonly flags: bigint;
  /** Triples: id, value, mask of lines. */
  readonly attributes: BigUint64Array<ArrayBuffer>;
}

/**
 * Options of each line in the kernel's form: flags that most lines share, and exceptions by mask.
 * @throws NodeosError GPIO_OPTION_INVALID
 */
export function lineConfig(options: readonly LineOptions[]): LineConfig {
  const flags = grouped(options.map(lineFlags));
  const [[common] = [0n]] = [...flags].sort(([, a], [, b]) => countBits(b) - countBits(a));
  flags.delete(common);
  const debounces = grouped(options.map(debounceUs));
  debounces.delete(0n);
  const isOutput = options.map(({ direction }) => direction === 'output');
  const outputs = maskOf(isOutput);
  const levels = maskOf(options.map(({ value }, at) => isOutput[at] === true && value === 1));
  const triples = [
    ...[...flags].map(([value, mask]) => [ATTRIBUTE.flags, value, mask]),
    ...(outputs === 0n ? [] : [[ATTRIBUTE.values, levels, outputs]]),
    ...[...debounces].map(([value, mask]) => [ATTRIBUTE.debounce, value, mask]),
  ];
  if (triples.length > ATTRIBUTES_MAX)
    throw invalid(
      `the lines differ in ${triples.length} ways, the kernel knows ${ATTRIBUTES_MAX}: open some on their own`,
    );
  return { flags: common, attributes: BigUint64Array.from(triples.flat()) };
}

/** What the kernel says of a line, in the words of the options. */
export function describeFlags(flags: bigint): Required<Omit<LineOptions, 'value' | 'debounceMs'>> & { used: boolean } {
  const word = <Word extends string>(words: Readonly<Record<Word, bigint>>, mask: bigint): Word =>
    (Object.keys(words) as Word[]).find((each) => words[each] === (flags & mask)) as Word;
  return {
    used: (flags & USED) !== 0n,
    direction: (flags & FLAG.output) !== 0n ? 'output' : 'input',
    activeLow: (flags & FLAG.activeLow) !== 0n,
    edges: word(EDGES, EDGES.both),
    bias: word(BIASES, FLAG.pullUp | FLAG.pullDown | FLAG.biasDisabled),
    drive: word(DRIVES, FLAG.openDrain | FLAG.openSource),
    clock: (flags & FLAG.realtime) !== 0n ? 'realtime' : 'monotonic',
  };
}

function lineFlags(options: LineOptions): bigint {
  const { direction = 'input', bias = 'as-is', drive = 'push-pull', edges = 'none', clock = 'monotonic' } = options;
  const unknown = [
    [DIRECTIONS, direction, 'direction'],
    [BIASES, bias, 'bias'],
    [DRIVES, drive, 'drive'],
    [EDGES, edges, 'edges'],
  ].find(([words, word]) => !Object.hasOwn(words as object, word as string));
  if (unknown)
    throw invalid(`${unknown[2]} is ${String(unknown[1])}: none of ${Object.keys(unknown[0] as object).join(', ')}`);
  if (direction !== 'input' && edges !== 'none') throw invalid('edges are seen on inputs only');
  if (direction !== 'output' && drive !== 'push-pull') throw invalid(`a drive (${drive}) is for outputs only`);
  if (direction === 'as-is' && bias !== 'as-is') throw invalid('a bias needs a direction');
  return (
    DIRECTIONS[direction] |
    BIASES[bias] |
    DRIVES[drive] |
    EDGES[edges] |
    (options.activeLow ? FLAG.activeLow : 0n) |
    (clock === 'realtime' ? FLAG.realtime : 0n)
  );
}

function debounceUs({ debounceMs = 0, direction = 'input' }: LineOptions): bigint {
  const us = Math.round(debounceMs * 1000);
  if (!(us >= 0 && us <= 0xffff_ffff)) throw invalid(`debounceMs is ${debounceMs}`);
  if (us > 0 && direction !== 'input') throw invalid('only inputs are debounced');
  return BigInt(us);
}

/** Value → mask of the lines that have it. */
function grouped(values: readonly bigint[]): Map<bigint, bigint> {
  const groups = new Map<bigint, bigint>();
  for (const [at, value] of values.entries()) groups.set(value, (groups.get(value) ?? 0n) | (1n << BigInt(at)));
  return groups;
}

function maskOf(bits: readonly boolean[]): bigint {
  return bits.reduce((mask, bit, at) => (bit ? mask | (1n << BigInt(at)) : mask), 0n);
}

function countBits(mask: bigint): number {
  return mask.toString(2).replaceAll('0', '').length;
}

function invalid(message: string): NodeosError {
  return new NodeosError('GPIO_OPTION_INVALID', message);
}
