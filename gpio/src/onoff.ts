import { type Level, listChips } from './gpio.ts';
import type { Edge } from './lines.ts';
import { Pin } from './pin.ts';

/** The interface of the npm package `onoff` 6, on the character device. */

type EdgeName = 'none' | 'rising' | 'falling' | 'both';
type ValueCallback = (error: Error | null | undefined, value: Level) => void;
type DoneCallback = (error: Error | null | undefined) => void;
interface Options {
  readonly debounceTimeout?: number;
  readonly activeLow?: boolean;
  readonly reconfigureDirection?: boolean;
}

export class Gpio {
  static readonly HIGH = 1;
  static readonly LOW = 0;
  readonly #pin: Pin;
  readonly #debounceMs: number;
  #listeners: ValueCallback[] = [];
  readonly #onEdge = ({ rising }: Edge): void => {
    for (const listener of [...this.#listeners]) listener(null, rising ? 1 : 0);
  };

  constructor(gpio: number, direction: 'in' | 'out' | 'high' | 'low', edge?: EdgeName | Options, options?: Options) {
    const given = options ?? (typeof edge === 'object' ? edge : {});
    const edges = typeof edge === 'string' ? edge : undefined;
    this.#debounceMs = given.debounceTimeout ?? 0;
    this.#pin = Pin.export(Number(gpio));
    try {
      if (typeof given.activeLow === 'boolean') this.#pin.setActiveLow(given.activeLow);
      const wanted = direction === 'in' ? 'in' : 'out';
      if ((given.reconfigureDirection ?? true) || this.#pin.direction !== wanted) this.#pin.setDirection(direction);
      else this.#pin.keepDirection();
      if (edges && direction === 'in') this.#pin.setEdges(edges, this.#debounceMs);
    } catch (error) {
      this.#pin.unexport();
      throw error;
    }
  }

  static get accessible(): boolean {
    try {
      return listChips().length > 0;
    } catch {
      return false;
    }
  }

  readSync(): Level {
    return this.#pin.line.value;
  }
  read(): Promise<Level>;
  read(callback: ValueCallback): void;
  read(callback?: ValueCallback): Promise<Level> | undefined {
    const result = new Promise<Level>((resolve) => resolve(this.readSync()));
    if (!callback) return result;
    result.then(
      (value) => callback(null, value),
      (error: Error) => callback(error, 0),
    );
    return undefined;
  }

  writeSync(value: Level): void {
    this.#pin.line.value = value === 1 ? 1 : 0;
  }
  write(value: Level): Promise<void>;
  write(value: Level, callback: DoneCallback): void;
  write(value: Level, callback?: DoneCallback): Promise<void> | undefined {
    const result = new Promise<void>((resolve) => resolve(this.writeSync(value)));
    if (!callback) return result;
    result.then(() => callback(null), callback);
    return undefined;
  }

  watch(callback: ValueCallback): void {
    this.#listeners.push(callback);
    if (this.#listeners.length === 1) this.#pin.line.on('edge', this.#onEdge);
  }
  unwatch(callback?: ValueCallback): void {
    this.#listeners = callback ? this.#listeners.filter((listener) => listener !== callback) : [];
    if (this.#listeners.length === 0) this.#pin.line.off('edge', this.#onEdge);
  }
  unwatchAll(): void {
    this.unwatch();
  }

  direction(): 'in' | 'out' {
    return this.#pin.direction;
  }
  setDirection(direction: 'in' | 'out' | 'high' | 'low'): void {
    this.#pin.setDirection(direction);
  }
  edge(): EdgeName {
    return this.#pin.edges;
  }
  setEdge(edge: EdgeName): void {
    this.#pin.setEdges(edge, this.#debounceMs);
  }
  activeLow(): boolean {
    return this.#pin.activeLow;
  }
  setActiveLow(invert: boolean): void {
    this.#pin.setActiveLow(Boolean(invert));
  }

  unexport(): void {
    this.unwatchAll();
    this.#pin.unexport();
  }
}
