import { findLine, type Level, type Line, listChips, listLines, openLine } from './gpio.ts';
import type { LineOptions } from './line-config.ts';

/** Numbers of the kernel's older interface begin at 512 since Linux 6.6 where nothing else is asked for. */
const SYSFS_BASE = 512;

/** One line as the older interface saw it: exported by number, shared by all who use it, given back by the last. */
export class Pin {
  readonly line: Line;
  readonly #number: number;
  #users = 1;
  #direction: 'in' | 'out';
  #edges: NonNullable<LineOptions['edges']> = 'none';
  #activeLow = false;
  #debounceMs = 0;
  static readonly #exported = new Map<number, Pin>();

  private constructor(number: number) {
    this.#number = number;
    const name = number >= SYSFS_BASE ? number - SYSFS_BASE : number;
    const { chip, offset } = findLine(name, listChips());
    this.#direction = listLines(chip)[offset]?.direction === 'output' ? 'out' : 'in';
    this.line = openLine(`${chip}:${offset}`, { direction: 'as-is' });
  }

  /** @throws NodeosError as openLine */
  static export(number: number): Pin {
    const known = Pin.#exported.get(number);
    if (known) {
      known.#users++;
      return known;
    }
    const pin = new Pin(number);
    Pin.#exported.set(number, pin);
    return pin;
  }

  static isExported(number: number): boolean {
    return Pin.#exported.has(number);
  }

  unexport(): void {
    if (--this.#users > 0) return;
    Pin.#exported.delete(this.#number);
    this.line.close();
  }

  get direction(): 'in' | 'out' {
    return this.#direction;
  }
  /** An output that stays one keeps its level. */
  keepDirection(): void {
    this.#apply(this.#direction === 'out' ? this.line.value : 0);
  }
  setDirection(direction: string): void {
    this.#direction = direction === 'in' ? 'in' : 'out';
    this.#apply(direction === 'high' ? (this.#activeLow ? 0 : 1) : this.#activeLow && direction !== 'in' ? 1 : 0);
  }

  get edges(): NonNullable<LineOptions['edges']> {
    return this.#edges;
  }
  setEdges(edges: NonNullable<LineOptions['edges']>, debounceMs = this.#debounceMs): void {
    this.#edges = edges;
    this.#debounceMs = debounceMs;
    if (this.#direction === 'in') this.#apply(0);
  }

  get activeLow(): boolean {
    return this.#activeLow;
  }
  /** The voltage of an output stays; what its level is called changes. */
  setActiveLow(activeLow: boolean): void {
    const level = this.#direction === 'out' ? this.line.value : 0;
    const turned = activeLow !== this.#activeLow;
    this.#activeLow = activeLow;
    this.#apply((turned ? 1 - level : level) as Level);
  }

  #apply(value: Level): void {
    const activeLow = this.#activeLow;
    if (this.#direction === 'out')
      this.line.configure({ direction: 'output', value, activeLow, edges: 'none', debounceMs: 0 });
    else this.line.configure({ direction: 'input', activeLow, edges: this.#edges, debounceMs: this.#debounceMs });
  }
}
