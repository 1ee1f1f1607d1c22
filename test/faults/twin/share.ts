import { parseArgs } from 'node:util';
import { deviceStretch } from './device-stretch.ts';
import { identityStretches } from './identity-stretch.ts';
import { SCENARIOS } from './scenarios.ts';
import { type Row, walk } from './walk.ts';

export function stretches(filter = '') {
  const all = [...identityStretches(), ...SCENARIOS.map(deviceStretch)];
  return all.filter(({ name }) => name.includes(filter));
}

/** Walks one share of the cuts and tells the parent process each scenario's row. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      samples: { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
      index: { type: 'string', default: '0' },
      of: { type: 'string', default: '1' },
      scenario: { type: 'string', default: '' },
    },
  });
  const share = { index: Number(values.index), of: Number(values.of) };
  for (const stretch of stretches(values.scenario)) {
    const row: Row = await walk(stretch, { samples: Number(values.samples), seed: Number(values.seed), share });
    process.send?.(row);
    stretch.dispose();
  }
  process.disconnect?.();
}

if (import.meta.main) await main();
