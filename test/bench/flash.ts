import { randomBytes } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createWorkFolder } from '@nodeos/firmware/emulate/work-folder.ts';
import { makeLoopDevice } from '@nodeos/firmware/flash/loop-device.testing.ts';
import { receiptSchema } from '@nodeos/firmware/flash/receipt.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { ROOT } from '../support/command.ts';
import type { Measurement } from './table.ts';

const MIB = 1_048_576;
const ROUNDS = 3;

interface Round {
  readonly ddSeconds: number;
  readonly cmpSeconds: number;
  /** From the first write to the verdict, out of the receipt. */
  readonly flashSeconds: number;
  /** The whole command. */
  readonly commandSeconds: number;
}

/**
 * `nodeos flash` of an image to a loop device, with its read-back, beside `dd bs=4M conv=fsync` and `cmp` of the same
 * image to another one, by turns in the same run. One image is full of data, one is 4 GB with little in it: once alone,
 * and once with a block map beside it, as each build has one (made here by bmap-tools).
 */
export async function measureFlash(signal: AbortSignal, say: (line: string) => void): Promise<Measurement[]> {
  const folder = createWorkFolder();
  try {
    const full = await measureImage(folder.path, 1024, 1, signal, say);
    const sparse = await measureImage(folder.path, 4096, 64, signal, say);
    const mapped = await measureImage(folder.path, 4096, 64, signal, say, makeBlockMap);
    return [
      ...rows('1 GiB of data', full, 1 / 0.9),
      ...rows('4 GiB, 1/64 of it data', sparse, null),
      ...rows('the same with its block map', mapped, 0.5),
    ];
  } finally {
    folder.remove();
  }
}

function rows(name: string, rounds: readonly Round[], aim: number | null): Measurement[] {
  const middle = (of: (round: Round) => number): number => {
    const sorted = rounds.map(of).sort((a, b) => a - b);
    return sorted[Math.floor(sorted.length / 2)] as number;
  };
  const row = (what: string, of: (round: Round) => number): Measurement => ({
    name: `${name}: ${what}`,
    value: middle(of),
    unit: 's',
    aim: null,
  });
  return [
    row('dd', (round) => round.ddSeconds),
    row('dd and cmp', (round) => round.ddSeconds + round.cmpSeconds),
    row('flash with read-back', (round) => round.flashSeconds),
    row('flash, whole command', (round) => round.commandSeconds),
    {
      name: `${name}: time of flash to dd and cmp`,
      value: middle((round) => round.flashSeconds / (round.ddSeconds + round.cmpSeconds)),
      unit: '',
      aim: aim && Number(aim.toFixed(2)),
    },
  ];
}

/** @param every of so many MiB one holds data */
async function measureImage(
  folder: string,
  mebibytes: number,
  every: number,
  signal: AbortSignal,
  say: (line: string) => void,
  finish: (image: string) => Promise<unknown> = async () => {},
): Promise<Round[]> {
  const image = join(folder, `image-${mebibytes}.img`);
  await makeImage(image, mebibytes, every);
  await finish(image);
  const rounds: Round[] = [];
  for (let number = 1; number <= ROUNDS; number++) {
    const dd = await onLoopDevice(folder, mebibytes, (path) => runDd(image, path, signal));
    const flash = await onLoopDevice(folder, mebibytes, (path) => runFlash(image, path, folder, signal));
    const round = { ...dd, ...flash };
    rounds.push(round);
    const seconds = Object.entries(round).map(([name, value]) => `${name} ${value.toFixed(2)}`);
    say(`${mebibytes} MiB, round ${number}: ${seconds.join(', ')}`);
  }
  await rm(image);
  return rounds;
}

function makeBlockMap(image: string): Promise<unknown> {
  return runTool('bmaptool', ['create', '--output', `${image}.bmap`, image]);
}

async function makeImage(path: string, mebibytes: number, every: number): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.truncate(mebibytes * MIB);
    for (let at = 0; at < mebibytes; at += every) await file.write(randomBytes(MIB), 0, MIB, at * MIB);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Each run has a device over a new file: none finds blocks that another has laid out. */
async function onLoopDevice<T>(folder: string, mebibytes: number, work: (path: string) => Promise<T>): Promise<T> {
  const place = join(folder, 'medium');
  await mkdir(place);
  const loop = await makeLoopDevice(place, mebibytes * MIB);
  try {
    return await work(loop.path);
  } finally {
    await loop.detach();
    await rm(place, { recursive: true });
  }
}

async function runDd(
  image: string,
  device: string,
  signal: AbortSignal,
): Promise<Pick<Round, 'ddSeconds' | 'cmpSeconds'>> {
  const [ddSeconds] = await timed(() =>
    runTool('dd', [`if=${image}`, `of=${device}`, 'bs=4M', 'conv=fsync'], { signal }),
  );
  const [cmpSeconds] = await timed(() => runTool('cmp', [image, device], { signal }));
  return { ddSeconds, cmpSeconds };
}

async function runFlash(
  image: string,
  device: string,
  folder: string,
  signal: AbortSignal,
): Promise<Pick<Round, 'flashSeconds' | 'commandSeconds'>> {
  const args = [
    join(ROOT, 'cli', 'bin', 'nodeos.js'),
    'flash',
    image,
    '--drive',
    device,
    '--yes',
    '--no-fleet',
    '--json',
  ];
  const receipts = join(folder, 'receipts');
  const [commandSeconds, { stdout }] = await timed(() =>
    runTool(process.execPath, [...args, '--receipts', receipts], { signal }),
  );
  const receipt = receiptSchema.parse(JSON.parse(stdout.toString()).receipts[0]);
  return { flashSeconds: receipt.seconds, commandSeconds };
}

async function timed<T>(work: () => Promise<T>): Promise<[number, T]> {
  const started = performance.now();
  const result = await work();
  return [(performance.now() - started) / 1000, result];
}
