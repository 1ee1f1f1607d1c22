import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, startCommand } from '../support/command.ts';
import { commandBlocks } from '../support/document.ts';

export interface GuideOptions {
  /** Folder of the app; its README.md is the guide. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** What the guide calls by a name that the reader fills in. */
  readonly words: readonly (readonly [wanted: RegExp, text: string])[];
  /** What commands say that go on running, when the reader has seen enough: presses Ctrl-C, or with `&` goes on. */
  readonly seen: readonly (readonly [command: RegExp, text: RegExp])[];
  readonly limitMs: number;
}

/** Programs of a guide that were started with `&` and run on. */
export interface Background {
  /** What the one whose command matches has written on standard output. */
  textOf(command: RegExp): string;
  end(): Promise<void>;
}

/**
 * Does what the guide of an app says, command after command, in the app's folder.
 * @throws Error where a command fails, or does not say what the reader waits for
 */
export async function followGuide(options: GuideOptions): Promise<Background> {
  const running: { line: string; command: Command; text: string }[] = [];
  const background: Background = {
    textOf: (wanted) => running.find(({ line }) => wanted.test(line))?.text ?? '',
    end: async () => void (await Promise.all(running.map(({ command }) => interrupt(command)))),
  };
  try {
    for (const line of guideCommands(options)) {
      const endless = /&$/.test(line);
      const [, wanted] = options.seen.find(([command]) => command.test(line)) ?? [];
      const command = startCommand('sh', ['-c', line.replace(/&$/, '')], {
        ...{ cwd: options.folder, env: options.env, detached: true },
      });
      if (endless) {
        const entry = { line, command, text: '' };
        command.child.stdout?.on('data', (data) => {
          entry.text += data;
        });
        running.push(entry);
        if (wanted !== undefined) await command.waitFor(wanted, options.limitMs);
      } else if (wanted !== undefined) {
        await command.waitFor(wanted, options.limitMs).finally(() => interrupt(command));
      } else {
        const { code, stdout, stderr } = await command.ended;
        if (code !== 0) throw new Error(`${line}: ended with ${code}\n${stdout}\n${stderr}`);
      }
    }
    return background;
  } catch (error) {
    await background.end();
    throw error;
  }
}

/** Lines of the guide's command blocks, filled in, without what is said about them. */
function guideCommands({ folder, words }: GuideOptions): string[] {
  const lines = commandBlocks(readFileSync(join(folder, 'README.md'), 'utf8')).flatMap(({ commands }) => commands);
  const filledIn = (line: string): string =>
    words.reduce((text, [wanted, word]) => text.replaceAll(new RegExp(wanted, 'g'), word), line);
  return lines.map((line) => filledIn(line.replace(/\s+#.*$/, '').trim()));
}

/** Ctrl-C: the signal goes to the whole process group. */
async function interrupt({ child, ended }: Command): Promise<void> {
  const over = child.exitCode !== null || child.signalCode !== null;
  if (!over && child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
  await ended;
}
