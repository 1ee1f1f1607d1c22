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
  const heading = ['what', 'measured', 'aim', ''];
  const widths = heading.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [heading, ...rows]
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
