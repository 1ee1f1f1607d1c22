import { parseArgs } from 'node:util';
import { renderRows } from './table.ts';
import { runTwin } from './twin/run.ts';

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '52' },
    seed: { type: 'string', default: '1' },
    scenario: { type: 'string', default: '' },
  },
});

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const started = performance.now();
const rows = await runTwin({
  samples: Number(values.samples),
  seed: Number(values.seed),
  scenario: values.scenario,
  onRow(row) {
    say(`${row.scenario}: ${row.survived} of ${row.tried} cuts survived`);
    for (const fault of row.faults) say(`  ${fault}`);
  },
});
process.stdout.write(`\nUpdate engine on a simulated disk\n\n${renderRows(rows)}\n`);
say(`${((performance.now() - started) / 1000).toFixed(0)} s`);
process.exitCode = rows.length > 0 && rows.every(({ tried, survived }) => tried > 0 && survived === tried) ? 0 : 1;
