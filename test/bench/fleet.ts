import { writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { MODES, type Mode } from './fleet-engines.ts';
import { measureMosquitto } from './fleet-mosquitto.ts';
import { measureFleet, type Run } from './fleet-run.ts';
import { type Measurement, renderGrowth, renderTable } from './table.ts';

const GROWTH = [100, 1_000, 10_000];
const say = (line: string): void => void process.stderr.write(`${line}\n`);

interface Wishes extends Pick<Run, 'perSecond' | 'idleSeconds'> {
  readonly modes: readonly Mode[];
  readonly sizes: readonly number[];
  readonly json: string | undefined;
}

/** @throws Error that says which word does not fit */
export function readWishes(words: readonly string[]): Wishes {
  const { values } = parseArgs({
    args: [...words],
    options: {
      mode: { type: 'string' },
      devices: { type: 'string', default: '1000' },
      growth: { type: 'boolean', default: false },
      'per-second': { type: 'string', default: '500' },
      'idle-seconds': { type: 'string', default: '300' },
      json: { type: 'string' },
    },
  });
  const whole = (name: 'devices' | 'per-second' | 'idle-seconds', least: number): number => {
    const value = Number(values[name]);
    if (!Number.isInteger(value) || value < least)
      throw new Error(`--${name} ${values[name]} is no whole number of at least ${least}`);
    return value;
  };
  const modes = MODES.filter((mode) => values.mode === undefined || values.mode === mode);
  if (modes.length === 0) throw new Error(`--mode ${values.mode} is none of ${MODES.join(', ')}`);
  return {
    ...{ modes, sizes: values.growth ? GROWTH : [whole('devices', 2)], json: values.json },
    ...{ perSecond: whole('per-second', 1), idleSeconds: whole('idle-seconds', 1) },
  };
}

/**
 * `npm run bench -- fleet [--mode embedded|scaled] [--devices 1000 | --growth] [--per-second 500] [--idle-seconds 300]
 * [--json FILE]`: both modes unless one is named; `--growth` measures 100, 1,000 and 10,000 devices.
 */
export async function main(words: readonly string[]): Promise<void> {
  const { modes, sizes, json, ...run } = readWishes(words);
  const end = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => end.abort(new Error(`broken off by ${signal}`)));
  const began = new Date().toISOString();
  const machine: { readonly processors: number; readonly loadBefore: number } = {
    ...{ processors: cpus().length, loadBefore: loadavg()[0] ?? 0 },
  };
  say(`${machine.processors} processors, load ${machine.loadBefore} before the first device`);
  const runs: { readonly devices: number; readonly measurements: readonly Measurement[] }[] = [];
  for (const devices of sizes) {
    const measurements: Measurement[] = [];
    for (const mode of modes) {
      say(`${mode}, ${devices} devices`);
      const found = await measureFleet({ mode, devices, ...run }, say, end.signal);
      // So that it is not lost where what comes next fails.
      say(renderTable(found));
      measurements.push(...found);
    }
    measurements.push(...(await measureMosquitto(devices, say)));
    runs.push({ devices, measurements });
  }
  if (sizes.length > 1)
    process.stdout.write(`${renderGrowth(runs.map((one) => [`${one.devices} devices`, one.measurements]))}\n`);
  else process.stdout.write(`${renderTable(runs[0]?.measurements ?? [])}\n`);
  const text = `${JSON.stringify({ measuredAt: began, machine, ...run, runs }, null, 2)}\n`;
  if (json === undefined) process.stdout.write(text);
  else await writeFile(resolve(json), text);
}
