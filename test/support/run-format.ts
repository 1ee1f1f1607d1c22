import { join } from 'node:path';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import { type CommandOptions, ROOT, startCommand } from './command.ts';

const LIMIT_MS = 300_000;

/** What a machine has shown and served once its app runs. */
export interface Ran {
  /** All that it wrote to its console up to then. */
  readonly console: string;
  /** Answer of the app `hello`, as JSON. */
  readonly answer: Readonly<Record<string, unknown>>;
}

/**
 * Boots an image with `nodeos run`, waits for the agent's screen and asks the app in it, which nobody installed.
 * @param args more options of `nodeos run`
 */
export async function runFormat(image: string, args: readonly string[], options: CommandOptions = {}): Promise<Ran> {
  const port = await freePort();
  const program = join(ROOT, 'cli', 'bin', 'nodeos.js');
  const words = [program, 'run', image, '--forward', `${port}:8080`, ...args];
  const run = startCommand(process.execPath, words, options);
  let console = '';
  run.child.stdout?.on('data', (chunk: Buffer) => {
    console += chunk.toString('latin1');
  });
  try {
    await run.waitFor(/^ {2}system +\S+ \S+, slot a/m, LIMIT_MS);
    await run.waitFor(/^ {2}apps +hello \S+ running/m, LIMIT_MS);
    await run.waitFor(/^ {2}address +\d/m, LIMIT_MS);
    const response = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(LIMIT_MS) });
    return { console, answer: (await response.json()) as Ran['answer'] };
  } finally {
    run.child.kill('SIGTERM');
    await run.ended;
  }
}
