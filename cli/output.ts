import type { ProgressEvent } from '@nodeos/firmware/context.ts';
import { type CliIo, isTerminal } from './io.ts';
import type { JsonOption } from './options.ts';

/** Writes one line to standard output. */
export function print(io: CliIo, line = ''): void {
  io.stdout.write(`${line}\n`);
}

/** Writes a value as JSON, for `--json`. */
export function printJson(io: CliIo, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

/** Aligned columns with a heading; numbers are the caller's to format. */
export function formatTable(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  return [heading, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Prints a table, or one sentence where it would be empty. */
export function printTable(
  io: CliIo,
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  empty: string,
): void {
  print(io, rows.length === 0 ? empty : formatTable(heading, rows));
}

/** What a list verb found: a table with a row for each, or with `--json` the list as it is. */
export function printList<Item>(
  io: CliIo,
  { json }: JsonOption,
  items: readonly Item[],
  heading: readonly string[],
  row: (item: Item) => readonly string[],
  empty: string,
): void {
  if (json) printJson(io, items);
  else printTable(io, heading, items.map(row), empty);
}

/**
 * Shows a build's progress on standard error: on a terminal one line that changes, elsewhere a line for each new
 * message.
 */
export function progressPrinter(io: CliIo): { show: (event: ProgressEvent) => void; end: () => void } {
  const terminal = isTerminal(io.stderr);
  let last = '';
  let open = false;
  const end = (): void => {
    if (open) io.stderr.write('\n');
    open = false;
  };
  const show = (event: ProgressEvent): void => {
    const percent = event.percent === undefined || event.percent >= 100 ? '' : ` ${Math.floor(event.percent)} %`;
    const text = `${event.step}: ${event.message}`;
    if (!terminal) {
      if (text !== last) io.stderr.write(`${text}\n`);
    } else {
      const columns = (io.stderr as { columns?: number }).columns ?? 80;
      // A finished step keeps its line; within a step the line is written over.
      if (open && last.split(':', 1)[0] !== event.step) end();
      io.stderr.write(`\r\x1b[2K${`${text}${percent}`.slice(0, columns - 1)}`);
      open = true;
    }
    last = text;
  };
  return { show, end };
}

/** `12.3 MB` for people; bytes in, decimal units out. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = -1;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/** Day of a time, in UTC; `never` where there is none. */
export function formatDate(at: number | null): string {
  return at === null ? 'never' : new Date(at).toISOString().slice(0, 10);
}

/** `3 min ago`, `never`. */
export function formatAgo(at: number | null, now = Date.now()): string {
  if (at === null) return 'never';
  const seconds = Math.max(0, Math.round((now - at) / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} d ago`;
}
