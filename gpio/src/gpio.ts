import type { Level, LineOptions } from './line-config.ts';
import type { LineName } from './line-names.ts';
import { Lines, type OpenOptions } from './lines.ts';

export { type LineInfo, listChips, listLines } from './chips.ts';
export type { Level, LineOptions } from './line-config.ts';
export { type ChipNames, findLine, type LineName, type LinePlace } from './line-names.ts';
export { type Edge, Lines, type OpenOptions } from './lines.ts';

/** One line: its level is `value`. */
export class Line extends Lines {
  constructor(name: LineName, options: LineOptions, open: OpenOptions) {
    super([name], [options], open);
  }
  get value(): Level {
    return this.getAll()[0] as Level;
  }
  set value(level: Level) {
    this.setAll([level]);
  }
}

/**
 * Opens one line.
 * @throws NodeosError GPIO_LINE_UNKNOWN, GPIO_LINE_BUSY, GPIO_OPTION_INVALID, GPIO_UNAVAILABLE, GPIO_FAILED
 */
export function openLine(name: LineName, options: LineOptions & OpenOptions = {}): Line {
  return new Line(name, options, options);
}

/**
 * Opens many lines of one chip at once: all with the same options, or each with its own.
 * @throws as openLine
 */
export function openLines(
  lines: readonly LineName[] | Readonly<Record<string, LineOptions>>,
  options: LineOptions & OpenOptions = {},
): Lines {
  const isList = (value: typeof lines): value is readonly LineName[] => Array.isArray(value);
  if (isList(lines))
    return new Lines(
      lines,
      lines.map(() => options),
      options,
    );
  const names = Object.keys(lines);
  return new Lines(
    names,
    names.map((name) => ({ ...options, ...lines[name] })),
    options,
  );
}
