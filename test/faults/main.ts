import { parseArgs } from 'node:util';
import { runQemu } from './qemu/walk.ts';
import { renderRows } from './table.ts';
import { runTwin } from './twin/run.ts';
import type { Row } from './twin/walk.ts';

const HELP = `Cuts the power at every operation of a device's life and looks whether it survives.

  npm run test:faults                       the simulated disk (minutes), then QEMU (hours)
  npm run test:faults -- --twin             the simulated disk only
  npm run test:faults -- --qemu --cuts 20   QEMU only, 20 cuts

  --samples N    sampled losses at each operation on the simulated disk (default 54)
  --cuts N       cuts in QEMU (default 560)
  --scenario S   scenarios whose name holds S
  --seed N       other samples
  --results F    QEMU: keeps what was tried in this file, and goes on where an earlier walk was broken off
  --share I/N    QEMU: of the cuts, the I-th of N shares (default 1/1)
`;

const { values } = parseArgs({
  options: {
    twin: { type: 'boolean', default: false },
    qemu: { type: 'boolean', default: false },
    samples: { type: 'string', default: '54' },
    cuts: { type: 'string', default: '560' },
    seed: { type: 'string', default: '1' },
    scenario: { type: 'string', default: '' },
    results: { type: 'string' },
    share: { type: 'string', default: '1/1' },
    help: { type: 'boolean', default: false },
  },
});

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const tables: string[] = [];
const all: Row[] = [];
const onRow = (row: Row): void => {
  say(`${row.scenario}: ${row.survived} of ${row.tried} cuts survived`);
  for (const fault of row.faults) say(`  ${fault}`);
};

async function part(title: string, unit: string, run: () => Promise<Row[]>): Promise<void> {
  const started = performance.now();
  const rows = await run();
  all.push(...rows);
  tables.push(`${title}\n\n${renderRows(rows, unit)}`);
  say(`${title}: ${((performance.now() - started) / 1000).toFixed(0)} s`);
}

if (values.help) process.stdout.write(HELP);
else {
  const both = values.twin === values.qemu;
  const { scenario } = values;
  const seed = Number(values.seed);
  const [index = 1, of = 1] = values.share.split('/').map(Number);
  if (both || values.twin)
    await part('Update engine on a simulated disk', 'operations', () =>
      runTwin({ samples: Number(values.samples), seed, scenario, onRow }),
    );
  if (both || values.qemu)
    await part('Whole device in QEMU', 'writes', () =>
      runQemu({
        ...{ cuts: Number(values.cuts), seed, phase: scenario, results: values.results ?? null, say },
        share: { index: index - 1, of },
      }),
    );
  process.stdout.write(`\n${tables.join('\n\n')}\n`);
  process.exitCode = all.length > 0 && all.every(({ tried, survived }) => tried > 0 && survived === tried) ? 0 : 1;
}
