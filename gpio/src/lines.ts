import { EventEmitter } from 'node:events';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { listChips, toNodeosError, withChip } from './chips.ts';
import { type Level, LINES_MAX, type LineOptions, lineConfig } from './line-config.ts';
import { findLine, type LineName } from './line-names.ts';
import { gpioCalls } from './native.ts';

export interface Edge {
  /** The name that the line was opened by. */
  readonly line: LineName;
  readonly offset: number;
  readonly rising: boolean;
  /** The kernel's, taken in the interrupt. */
  readonly timestampNs: bigint;
  /** Counts the edges of all lines that were opened together, and of this one; a gap tells of edges that were lost. */
  readonly sequence: number;
  readonly lineSequence: number;
}
export interface OpenOptions {
  /** Shown to others who ask who uses the line; default: the app's name. */
  readonly consumer?: string;
  /** Edges that the kernel keeps for this app; default 16 a line. */
  readonly eventBuffer?: number;
}
type Events = { edge: [Edge]; error: [Error] };

const CONSUMER_BYTES_MAX = 31;

/** Lines that belong to this app until they are closed, or the app ends. Edges are told while somebody listens. */
export class Lines extends EventEmitter<Events> {
  readonly names: readonly LineName[];
  readonly offsets: readonly number[];
  #options: readonly LineOptions[];
  #fd: number | null;

  /** @throws NodeosError GPIO_LINE_UNKNOWN, GPIO_LINE_BUSY, GPIO_OPTION_INVALID, GPIO_UNAVAILABLE, GPIO_FAILED */
  constructor(names: readonly LineName[], options: readonly LineOptions[], open: OpenOptions = {}) {
    super();
    if (names.length < 1 || names.length > LINES_MAX)
      throw new NodeosError('GPIO_OPTION_INVALID', `${names.length} lines: 1 to ${LINES_MAX} can be opened at once`);
    const chips = listChips();
    const places = names.map((name) => findLine(name, chips));
    const [{ chip } = { chip: '' }] = places;
    if (places.some((place) => place.chip !== chip))
      throw new NodeosError(
        'GPIO_OPTION_INVALID',
        `${names.join(', ')} are not lines of one chip: open each chip’s on their own`,
      );
    this.names = [...names];
    this.offsets = places.map(({ offset }) => offset);
    this.#options = options;
    const { flags, attributes } = lineConfig(options);
    const consumer = cutToBytes(open.consumer ?? process.env.NODEOS_APP ?? 'node', CONSUMER_BYTES_MAX);
    this.#fd = withChip(chip, (fd) => {
      try {
        const offsets = Uint32Array.from(this.offsets);
        return gpioCalls().request(fd, offsets, consumer, open.eventBuffer ?? 0, flags, attributes);
      } catch (cause) {
        throw toNodeosError(cause, `${names.join(', ')} of ${chip}`);
      }
    });
    // Told of each listener, so that a thread and the app's life are bound by edges only while they are wanted.
    (this as EventEmitter).on(
      'newListener',
      (event) => event === 'edge' && this.listenerCount('edge') === 0 && this.#watch(),
    );
    (this as EventEmitter).on(
      'removeListener',
      (event) => event === 'edge' && this.listenerCount('edge') === 0 && this.#unwatch(),
    );
  }

  /** Levels of all lines at one moment, in the order in which they were opened. */
  getAll(): Level[] {
    const bits = this.#call((fd) => gpioCalls().read(fd, this.#all));
    return this.names.map((_, at) => (bits & (1n << BigInt(at)) ? 1 : 0));
  }

  get(name: LineName): Level {
    const mask = 1n << BigInt(this.#index(name));
    return this.#call((fd) => gpioCalls().read(fd, mask)) & mask ? 1 : 0;
  }

  /** Sets all outputs at once. */
  setAll(values: readonly Level[]): void {
    if (values.length !== this.names.length)
      throw new NodeosError('GPIO_OPTION_INVALID', `${values.length} values for ${this.names.length} lines`);
    const bits = values.reduce((sum, value, at) => (value ? sum | (1n << BigInt(at)) : sum), 0n);
    this.#call((fd) => gpioCalls().write(fd, this.#all, bits));
  }

  set(name: LineName, value: Level): void {
    const mask = 1n << BigInt(this.#index(name));
    this.#call((fd) => gpioCalls().write(fd, mask, value ? mask : 0n));
  }

  /** Changes options of all lines without giving them back. */
  configure(change: LineOptions): void {
    const options = this.#options.map((options) => ({ ...options, ...change }));
    const { flags, attributes } = lineConfig(options);
    this.#call((fd) => gpioCalls().configure(fd, flags, attributes));
    this.#options = options;
  }

  get options(): readonly LineOptions[] {
    return this.#options;
  }

  /** Gives the lines back. */
  close(): void {
    if (this.#fd === null) return;
    gpioCalls().release(this.#fd);
    this.#fd = null;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get #all(): bigint {
    return (1n << BigInt(this.names.length)) - 1n;
  }

  #index(name: LineName): number {
    const at = this.names.indexOf(name);
    if (at >= 0) return at;
    throw new NodeosError('GPIO_LINE_UNKNOWN', `the line ${name} is not among ${this.names.join(', ')}`);
  }

  #call<Result>(call: (fd: number) => Result): Result {
    if (this.#fd === null) throw new NodeosError('GPIO_UNAVAILABLE', `${this.names.join(', ')}: closed already`);
    try {
      return call(this.#fd);
    } catch (cause) {
      throw toNodeosError(cause, this.names.join(', '));
    }
  }

  #watch(): void {
    this.#call((fd) =>
      gpioCalls().watch(fd, (timestampNs, rising, offset, sequence, lineSequence) => {
        const at = this.offsets.indexOf(offset);
        if (timestampNs === null)
          this.emit('error', new NodeosError('GPIO_UNAVAILABLE', `${this.names.join(', ')}: the chip is gone`));
        else this.emit('edge', { line: this.names[at] ?? offset, offset, rising, timestampNs, sequence, lineSequence });
      }),
    );
  }

  #unwatch(): void {
    if (this.#fd !== null) gpioCalls().unwatch(this.#fd);
  }
}

/** The kernel's limit is in bytes, its end mark counted. */
function cutToBytes(text: string, most: number): string {
  const bytes = Buffer.from(text).subarray(0, most);
  return bytes.toString('utf8').replace(/\uFFFD+$/, '');
}
