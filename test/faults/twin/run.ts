import { fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Row } from './walk.ts';

export interface TwinOptions {
  /** Sampled losses at each operation, beside the two that are always tried. */
  readonly samples: number;
  readonly seed: number;
  /** Part of a scenario's name; empty for all. */
  readonly scenario: string;
  readonly onRow: (row: Row) => void;
}

/** Walks all scenarios with one process for each processor. */
export async function runTwin(options: TwinOptions): Promise<Row[]> {
  const of = availableParallelism();
  const parts = new Map<string, Row[]>();
  const rows: Row[] = [];
  const take = (part: Row): void => {
    const known = [...(parts.get(part.scenario) ?? []), part];
    parts.set(part.scenario, known);
    if (known.length < of) return;
    const row: Row = {
      ...part,
      tried: known.reduce((sum, { tried }) => sum + tried, 0),
      survived: known.reduce((sum, { survived }) => sum + survived, 0),
      faults: known.flatMap(({ faults }) => faults),
    };
    rows.push(row);
    options.onRow(row);
  };
  await Promise.all(Array.from({ length: of }, (_, index) => runShare(index, of, options, take)));
  return rows;
}

function runShare(index: number, of: number, options: TwinOptions, take: (row: Row) => void): Promise<void> {
  const words = { samples: options.samples, seed: options.seed, scenario: options.scenario, index, of };
  const child = fork(
    fileURLToPath(new URL('share.ts', import.meta.url)),
    Object.entries(words).map(([name, value]) => `--${name}=${value}`),
  );
  child.on('message', (row) => take(row as Row));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`share ${index} ended with code ${code}`))));
  });
}
