import { measureEditToRunning } from './apps-dev.ts';
import { measureAppProxy } from './apps-reach.ts';
import { measureAppStarts } from './apps-start.ts';
import { type Measurement, renderTable } from './table.ts';

/** What is measured of apps, each by itself. */
const SUBJECTS: Readonly<Record<string, () => Promise<Measurement[]>>> = {
  proxy: measureAppProxy,
  start: measureAppStarts,
  dev: measureEditToRunning,
};

/** @param wanted subjects; none: all of them */
export async function main(wanted: readonly string[]): Promise<void> {
  const strange = wanted.find((name) => SUBJECTS[name] === undefined);
  if (strange !== undefined) throw new Error(`no measurement ${strange}: ${Object.keys(SUBJECTS).join(', ')}`);
  const rows: Measurement[] = [];
  for (const [name, measure] of Object.entries(SUBJECTS))
    if (wanted.length === 0 || wanted.includes(name)) rows.push(...(await measure()));
  process.stdout.write(`${renderTable(rows)}\n`);
}
