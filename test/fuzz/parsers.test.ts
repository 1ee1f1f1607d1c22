import { test } from 'node:test';
import fc from 'fast-check';
import { PARSERS } from './parsers.ts';
import { TRUST_PARSERS } from './trust-parsers.ts';

/** Small and fixed here; `npm run test:fuzz` tries more, and others each time. */
const RUNS = 300;
const SEED = 20_261_121;

for (const { name, property } of [...PARSERS, ...TRUST_PARSERS]) {
  test(`untrusted bytes: ${name}`, async () => {
    await fc.assert(await property(), { numRuns: RUNS, seed: SEED });
  });
}
