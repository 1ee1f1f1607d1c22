import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { slotManifestSchema } from '@nodeos/contracts/slot-manifest.ts';
import * as z from 'zod';
import type { Row } from '../twin/walk.ts';

/** One cut that was tried. */
const triedSchema = z.strictObject({
  /** Of the system and of these tests: what another system survived says nothing about this one. */
  inputs: z.string(),
  phase: z.string(),
  /** Place in the list of the phase's cuts. */
  number: z.int(),
  /** Writes of the phase in the recording that was cut. */
  writes: z.int(),
  at: z.int(),
  losses: z.string(),
  seed: z.int(),
  seconds: z.number(),
  /** Null: survived. */
  fault: z.string().nullable(),
});
export type Tried = z.infer<typeof triedSchema>;

export interface Results {
  readonly all: readonly Tried[];
  has(phase: string, number: number): boolean;
  add(tried: Omit<Tried, 'inputs'>): void;
}

/** @param file one line a cut, so that a walk goes on where it was broken off; null: nothing is kept */
export function openResults(file: string | null, inputs: string): Results {
  const lines = file !== null && existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  const all = lines.map((line) => triedSchema.parse(JSON.parse(line))).filter((tried) => tried.inputs === inputs);
  return {
    all,
    has: (phase, number) => all.some((tried) => tried.phase === phase && tried.number === number),
    add(tried) {
      all.push({ inputs, ...tried });
      if (file !== null) appendFileSync(file, `${JSON.stringify({ inputs, ...tried })}\n`);
    },
  };
}

/** What is walked: the files of the system but for keys and version, and the walk itself. */
export function inputsOf(manifest: unknown): string {
  const { files, commandLine } = slotManifestSchema.parse(manifest);
  const system = ['kernel', 'initramfs.img', 'rootfs.sqfs'].map((name) => files[name]?.sha256);
  const here = import.meta.dirname;
  const walk = readdirSync(here)
    .sort()
    .map((name) => readFileSync(join(here, name), 'utf8'));
  return createHash('sha256')
    .update(JSON.stringify([system, commandLine, walk]))
    .digest('hex')
    .slice(0, 16);
}

/** One row a phase, in the order in which they were first tried. */
export function rowsOf(all: readonly Tried[]): Row[] {
  return [...new Set(all.map(({ phase }) => phase))].map((scenario) => {
    const own = all.filter(({ phase }) => phase === scenario);
    const faults = own.flatMap(({ at, losses, seed, fault }) =>
      fault === null ? [] : [`${scenario}, cut at write ${at}, ${losses}, seed ${seed}: ${fault}`],
    );
    const operations = Math.max(...own.map(({ writes }) => writes));
    return { scenario, operations, tried: own.length, survived: own.length - faults.length, faults };
  });
}
