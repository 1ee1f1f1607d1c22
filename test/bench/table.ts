/** One measured value and what was aimed at. */
export interface Measurement {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The value should be at most this; null where nothing is aimed at. */
  readonly aim: number | null;
}

/** Columns for people: name, value with unit, aim, whether it is met. */
export function renderTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map(({ name, value, unit, aim }) => [
    name,
    `${round(value)} ${unit}`.trim(),
    aim === null ? '' : `≤ ${aim} ${unit}`.trim(),
    aim === null ? '' : value <= aim ? 'met' : 'missed',
  ]);
  return align([['what', 'measured', 'aim', ''], ...rows]);
}

/** The same measurements at several sizes side by side, in the order of the last one, which has most to it. */
export function renderGrowth(
  sizes: readonly (readonly [size: string, measurements: readonly Measurement[]])[],
): string {
  const last = sizes.at(-1)?.[1] ?? [];
  const rows = last.map(({ name, unit }) => [
    unit === '' ? name : `${name}, ${unit}`,
    ...sizes.map(([, measurements]) => {
      const found = measurements.find((one) => one.name === name);
      return found === undefined ? '' : round(found.value);
    }),
  ]);
  return align([['what', ...sizes.map(([size]) => size)], ...rows]);
}

function align(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_title, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
