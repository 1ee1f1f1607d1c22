import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { C_FUZZERS, compileFuzzer, corpusOf, runFuzzer } from './c-fuzzers.ts';
import { temporaryFolder } from './folder.ts';

const RUNS = 20_000;
const SEED = 20_261_121;
const folder = temporaryFolder();

for (const name of Object.keys(C_FUZZERS)) {
  test(`libFuzzer with sanitizers: ${name}`, async () => {
    const own = join(folder, name);
    mkdirSync(own);
    assert.ok(readdirSync(corpusOf(name)).length > 0, 'no committed cases');
    const program = await compileFuzzer(name, folder);
    const runs = await runFuzzer(name, program, own, { runs: RUNS, seed: SEED });
    assert.ok(runs >= RUNS, `${runs} runs`);
  });
}
