import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Edge } from './lines.ts';
import { Pin } from './pin.ts';
import { raspberryPiGpio } from './pins.ts';

/** The interface of the npm package `rpi-gpio` 2, on the character device. */

type Callback = (error?: Error | null) => void;
type ValueCallback = (error: Error | null | undefined, value?: boolean) => void;
interface Used {
  readonly pin: Pin;
  readonly output: boolean;
  readonly onEdge: (edge: Edge) => void;
}

const WORDS = {
  ...({ DIR_IN: 'in', DIR_OUT: 'out', DIR_LOW: 'low', DIR_HIGH: 'high' } as const),
  ...({ MODE_RPI: 'mode_rpi', MODE_BCM: 'mode_bcm' } as const),
  ...({ EDGE_NONE: 'none', EDGE_RISING: 'rising', EDGE_FALLING: 'falling', EDGE_BOTH: 'both' } as const),
};
const DIRECTIONS = ['in', 'out', 'low', 'high'];
const EDGES = ['none', 'rising', 'falling', 'both'] as const;
type EdgeName = (typeof EDGES)[number];

class RpiGpio extends EventEmitter {
  #mode: string = WORDS.MODE_RPI;
  readonly #used = new Map<number, Used>();

  setMode(mode: string): void {
    if (mode !== WORDS.MODE_RPI && mode !== WORDS.MODE_BCM) throw new Error('Cannot set invalid mode');
    this.#mode = mode;
  }

  setup(channel: number | string, ...rest: unknown[]): void {
    const callback = (typeof rest.at(-1) === 'function' ? rest.pop() : () => {}) as Callback;
    const [direction, edge] = [(rest[0] ?? 'out') as string, (rest[1] ?? 'none') as EdgeName];
    later(callback, () => {
      if (!DIRECTIONS.includes(direction)) throw new Error('Cannot set invalid direction');
      if (!EDGES.includes(edge)) throw new Error('Cannot set invalid edge');
      const at = Number.parseInt(String(channel), 10);
      const number = this.#number(at);
      if (number === null) throw new Error(`Channel ${channel} does not map to a GPIO pin`);
      this.#release(number);
      const pin = Pin.export(number);
      const onEdge = ({ rising }: Edge): void => void this.emit('change', at, rising);
      this.#used.set(number, { pin, output: direction !== 'in', onEdge });
      pin.setDirection(direction);
      if (direction !== 'in' || edge === 'none') return;
      pin.setEdges(edge);
      pin.line.on('edge', onEdge);
    });
  }

  write(channel: number | string, value: unknown, callback: Callback = () => {}): void {
    later(callback, () => {
      const used = this.#find(channel);
      if (!used?.output) throw new Error('Pin has not been exported for write');
      used.pin.line.value = value && value !== '0' ? 1 : 0;
    });
  }
  output(channel: number | string, value: unknown, callback?: Callback): void {
    this.write(channel, value, callback);
  }

  read(channel: number | string, callback: ValueCallback): void {
    if (typeof callback !== 'function') throw new Error('A callback must be provided');
    later(callback, () => {
      const used = this.#find(channel);
      if (!used) throw new Error('Pin has not been exported');
      return used.pin.line.value === 1;
    });
  }
  input(channel: number | string, callback: ValueCallback): void {
    this.read(channel, callback);
  }

  destroy(callback: Callback = () => {}): void {
    later(callback, () => {
      for (const number of [...this.#used.keys()]) this.#release(number);
    });
  }

  reset(): void {
    for (const number of [...this.#used.keys()]) this.#release(number);
    this.removeAllListeners();
    this.#mode = WORDS.MODE_RPI;
  }

  #find(channel: number | string): Used | undefined {
    return this.#used.get(this.#number(Number.parseInt(String(channel), 10)) ?? -1);
  }

  /** Numbers of the header's pins, or of the processor's lines where that was chosen. */
  #number(channel: number): number | null {
    if (this.#mode === WORDS.MODE_BCM)
      return Number.isInteger(channel) && channel >= 0 && channel < 28 ? channel : null;
    return raspberryPiGpio(channel, readFileSync('/proc/cpuinfo', 'utf8'));
  }

  #release(number: number): void {
    const used = this.#used.get(number);
    if (!used) return;
    this.#used.delete(number);
    used.pin.line.off('edge', used.onEdge);
    used.pin.unexport();
  }
}

/** Answers are never given before the call has returned, as with files. */
function later<Value>(callback: (error?: Error | null, value?: Value) => void, work: () => Value): void {
  setImmediate(() => {
    let value: Value;
    try {
      value = work();
    } catch (error) {
      return callback(error as Error);
    }
    callback(null, value);
  });
}

function promised<Value>(call: (done: (error?: Error | null, value?: Value) => void) => void): Promise<Value> {
  return new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value as Value))));
}

const gpio = new RpiGpio();
export const rpiGpio = Object.assign(gpio, WORDS, {
  promise: {
    ...WORDS,
    setup: (channel: number, direction?: string, edge?: string) =>
      promised<void>((done) => gpio.setup(channel, direction, edge, done)),
    write: (channel: number, value: unknown) => promised<void>((done) => gpio.write(channel, value, done)),
    read: (channel: number) => promised<boolean>((done) => gpio.read(channel, done)),
    destroy: () => promised<void>((done) => gpio.destroy(done)),
    on: gpio.on.bind(gpio),
    once: gpio.once.bind(gpio),
    addListener: gpio.addListener.bind(gpio),
    removeListener: gpio.removeListener.bind(gpio),
    removeAllListeners: gpio.removeAllListeners.bind(gpio),
  },
});
