import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type ErrorCode, NodeosError } from '@nodeos/contracts/errors.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import type { FlashProgress } from '@nodeos/firmware/flash/flash-drives.ts';
import { type CheckedJob, doJob, writerWordSchema } from '@nodeos/firmware/flash/flash-job.ts';
import type { Receipt } from '@nodeos/firmware/flash/receipt.ts';
import { type CliIo, isTerminal } from '../io.ts';

/** Name of the verb that only this file calls. */
export const WRITER_VERB = 'flash-writer';

/**
 * Does the job in this process where the user may, else in a second one that gets the right through sudo or pkexec.
 * Building, fetching and asking the server stay with the user's own rights.
 * @throws NodeosError PRIVILEGE_MISSING and those of doJob
 */
export async function runWriter(
  io: CliIo,
  job: CheckedJob,
  onProgress: (progress: FlashProgress) => void,
): Promise<readonly Receipt[]> {
  if (mayWrite(job)) return doJob(job, io.signal, onProgress);
  const paths = job.drives.map(({ path }) => path).join(', ');
  const elevate = elevation(io, paths);
  io.stderr.write(`Writing to ${paths} needs a right that you do not have: ${elevate[0]} asks for it.\n`);
  return inSecondProcess(io, [...elevate, ...ownCommand(), WRITER_VERB], job, onProgress);
}

/** Root may; so may a member of the group `disk`, unless something must be unmounted. */
function mayWrite({ drives }: CheckedJob): boolean {
  if (process.getuid?.() === 0) return true;
  return drives.every(({ path, mounts }) => mounts.length === 0 && isWritable(path));
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function elevation({ env, stderr }: CliIo, paths: string): string[] {
  const has = (name: string): boolean =>
    (env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, name)));
  // A terminal is where sudo asks; a desktop without one has an agent that pkexec asks.
  const desktop = Boolean(env.DISPLAY || env.WAYLAND_DISPLAY);
  if (has('sudo') && (isTerminal(stderr) || !desktop || !has('pkexec')))
    return ['sudo', ...(isTerminal(stderr) ? [] : ['--non-interactive']), '-p', `Password of %u, to write ${paths}: `];
  if (has('pkexec')) return ['pkexec'];
  throw new NodeosError('PRIVILEGE_MISSING', `you may not write to ${paths}, and neither sudo nor pkexec is installed`);
}

function ownCommand(): string[] {
  return [process.execPath, realpathSync(process.argv[1] as string)];
}

async function inSecondProcess(
  io: CliIo,
  command: readonly string[],
  job: CheckedJob,
  onProgress: (progress: FlashProgress) => void,
): Promise<readonly Receipt[]> {
  const [program, ...args] = command as [string, ...string[]];
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
  // Whoever runs as another user cannot be told by a signal; it ends when its input does.
  const stop = (): void => void child.stdin.end();
  io.signal.addEventListener('abort', stop, { once: true });
  child.stdin.on('error', () => {});
  child.stdin.write(`${JSON.stringify(job)}\n`);
  let receipts: readonly Receipt[] | null = null;
  let problem: NodeosError | null = null;
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const word = parseJson(writerWordSchema, line, `the answer of ${program}`);
      if ('progress' in word) onProgress(word.progress);
      else if ('receipts' in word) receipts = word.receipts;
      else problem = new NodeosError(word.error.code as ErrorCode, word.error.message, { hint: word.error.hint });
    }
    await ended;
  } finally {
    io.signal.removeEventListener('abort', stop);
    stop();
  }
  if (problem !== null) throw problem;
  if (receipts !== null) return receipts;
  throw new NodeosError('PRIVILEGE_MISSING', `${program} did not give the right to write; nothing was written`);
}
