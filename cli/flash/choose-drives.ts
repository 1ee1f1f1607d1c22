import { createInterface } from 'node:readline';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { listDrives, watchDrives } from '@nodeos/firmware/flash/discover.ts';
import { type Drive, isOffered } from '@nodeos/firmware/flash/drives.ts';
import { type CliIo, isTerminal } from '../io.ts';
import { formatBytes, formatTable } from '../output.ts';

const HEADING = ['', 'DRIVE', 'NAME', 'SIZE', 'BUS', 'MOUNTED AT'];

export function driveRow(drive: Drive): string[] {
  const { path, name, bytes, bus, mounts } = drive;
  return [path, name, formatBytes(bytes), bus, mounts.join(' ') || '-'];
}

/**
 * Lets a person choose among the drives that may be written and are large enough; the list follows what is plugged in
 * and pulled out meanwhile. The number is at once the consent: there is no second question.
 * @throws NodeosError INPUT_INVALID without a terminal, INTERRUPTED where none is chosen
 */
export async function chooseDrives(io: CliIo, imageBytes: number): Promise<Drive[]> {
  if (io.stdin === undefined || !isTerminal(io.stdin))
    throw new NodeosError('INPUT_INVALID', 'no drive is named, and nobody is here to choose one', {
      hint: 'Name it with --drive, and say --yes.',
    });
  const done = new AbortController();
  const signal = AbortSignal.any([io.signal, done.signal]);
  const fits = (drive: Drive): boolean => isOffered(drive) && drive.bytes >= imageBytes;
  let drives = (await listDrives(io.signal)).filter(fits);
  const lines = createInterface({ input: io.stdin, output: io.stderr, terminal: true });
  const ask = (): void => {
    io.stderr.write(`\n${question(drives, imageBytes)}\n`);
    lines.setPrompt(drives.length === 0 ? '' : `Number of the drive to erase and write (Enter: none): `);
    lines.prompt();
  };
  const watching = (async () => {
    for await (const { kind, drive } of watchDrives(signal)) {
      drives = (await listDrives(signal)).filter(fits);
      const small =
        kind === 'plugged' && drive.bytes < imageBytes ? `, too small with ${formatBytes(drive.bytes)}` : '';
      io.stderr.write(`\n${drive.path} (${drive.name}) ${kind === 'plugged' ? 'plugged in' : 'pulled out'}${small}\n`);
      ask();
    }
  })().catch((error) => {
    if (!signal.aborted) throw error;
  });
  try {
    ask();
    return await Promise.race([answers(lines, () => drives, ask, signal, io), watching.then(() => never())]);
  } finally {
    done.abort();
    lines.close();
    await watching;
  }
}

/** One question about drives that were named. @throws NodeosError INPUT_INVALID, INTERRUPTED */
export async function confirm(io: CliIo, drives: readonly Drive[], what: string): Promise<void> {
  if (io.stdin === undefined || !isTerminal(io.stdin))
    throw new NodeosError('INPUT_INVALID', 'nobody is here to say whether the drive may be erased', {
      hint: 'Say --yes where it may.',
    });
  const lines = createInterface({ input: io.stdin, output: io.stderr, terminal: true });
  try {
    io.stderr.write(`${formatTable(HEADING.slice(1), drives.map(driveRow))}\n`);
    const answer = await new Promise<string>((resolve) => {
      lines.once('close', () => resolve(''));
      io.signal.addEventListener('abort', () => resolve(''), { once: true });
      lines.once('SIGINT', () => resolve(''));
      lines.question(`Erase all that is on ${drives.length === 1 ? 'it' : 'them'} and write ${what}? [y/N] `, resolve);
    });
    if (!/^y(es)?$/i.test(answer.trim())) throw declined();
  } finally {
    lines.close();
  }
}

function question(drives: readonly Drive[], imageBytes: number): string {
  if (drives.length === 0)
    return `No drive to write to. Plug in a USB stick or a card of at least ${formatBytes(imageBytes)}; Ctrl-C ends this.`;
  return formatTable(
    HEADING,
    drives.map((drive, index) => [String(index + 1), ...driveRow(drive)]),
  );
}

function answers(
  lines: ReturnType<typeof createInterface>,
  drives: () => readonly Drive[],
  ask: () => void,
  signal: AbortSignal,
  io: CliIo,
): Promise<Drive[]> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(declined());
    signal.addEventListener('abort', leave, { once: true });
    lines.once('close', leave);
    lines.once('SIGINT', leave);
    lines.on('line', (line) => {
      if (line.trim() === '' && drives().length > 0) return leave();
      const numbers = parseNumbers(line, drives().length);
      if (numbers !== null) return resolve(numbers.map((number) => drives()[number - 1] as Drive));
      if (line.trim() !== '') io.stderr.write('That is none of the numbers.\n');
      ask();
    });
  });
}

/** `1` or `1,3`; null where that is no choice among so many. */
export function parseNumbers(text: string, count: number): number[] | null {
  const numbers = text.split(/[\s,]+/).filter((word) => word !== '');
  const chosen = [...new Set(numbers.map(Number))];
  const valid = chosen.every((number) => Number.isInteger(number) && number >= 1 && number <= count);
  return chosen.length > 0 && valid ? chosen : null;
}

function never(): Promise<Drive[]> {
  return new Promise(() => {});
}

function declined(): NodeosError {
  return new NodeosError('INTERRUPTED', 'no drive was chosen; nothing was written', {
    hint: 'Run the command again when you have the right drive.',
  });
}
