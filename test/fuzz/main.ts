import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeError } from '@nodeos/contracts/errors.ts';
import fc from 'fast-check';
import { C_FUZZERS, compileFuzzer, runFuzzer } from './c-fuzzers.ts';
import { temporaryFolder } from './folder.ts';
import { PARSERS } from './parsers.ts';
import { TRUST_PARSERS } from './trust-parsers.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '30' }, only: { type: 'string', default: '' } },
});
const seconds = Number(values.seconds);
const rows: string[] = [];
let found = 0;

async function row(name: string, how: string, work: () => Promise<number>): Promise<void> {
  if (!name.includes(values.only)) return;
  try {
    rows.push(`| ${name} | ${how} | ${(await work()).toLocaleString('en-US')} | none |`);
  } catch (error) {
    found++;
    process.stderr.write(`${name}: ${describeError(error)}\n`);
    rows.push(`| ${name} | ${how} | | see above |`);
  }
  process.stderr.write(`${rows.at(-1)}\n`);
}

/** Runs a property for some time, each time with other values. */
async function fuzz(property: fc.IRawProperty<unknown>): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let runs = 0;
  while (performance.now() < end) {
    await fc.assert(property, { numRuns: 500 });
    runs += 500;
  }
  return runs;
}

// Plain JavaScript without types, as it runs before anything is installed.
const { setUp } = await import(new URL('../../scripts/setup.js', import.meta.url).href);
await setUp(['test']);
const folder = temporaryFolder();
for (const { name, property } of [...PARSERS, ...TRUST_PARSERS])
  await row(name, 'fast-check', async () => fuzz(await property()));
for (const name of Object.keys(C_FUZZERS))
  await row(name, 'libFuzzer, ASan, UBSan', async () => {
    mkdirSync(join(folder, name));
    return runFuzzer(name, await compileFuzzer(name, folder), join(folder, name), { seconds });
  });
process.stdout.write(`\n| parser | fuzzer | inputs | found |\n|---|---|--:|---|\n${rows.join('\n')}\n`);
process.exitCode = found === 0 ? 0 : 1;
