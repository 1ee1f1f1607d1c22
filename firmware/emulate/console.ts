import { appendFileSync, writeFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { NodeosError } from '@nodeos/contracts/errors.ts';

export interface ConsoleLine {
  /** Milliseconds of the host's monotonic clock (`performance.now()`) at the line's first byte. */
  readonly at: number;
  /** Without line end and terminal escapes. */
  readonly text: string;
}

// Cursor movements and colours: ESC [ … letter, ESC c, ESC ( x.
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape byte is what is looked for
const ESCAPES = /\x1b(?:\[[0-9;?=]*[A-Za-z]|[()].|.)/g;

/** The guest's serial console: lines with host time stamps, a log file, waiting for a text, typing. */
export class SerialConsole {
  readonly logPath: string;
  readonly lines: ConsoleLine[] = [];
  #input: Writable | null = null;
  readonly #watchers = new Set<() => void>();
  readonly #rawListeners = new Set<(chunk: Buffer) => void>();
  #partial = '';
  #partialSince = 0;
  #ended: string | null = null;

  constructor(logPath: string) {
    this.logPath = logPath;
    writeFileSync(logPath, '');
  }

  /** Takes a machine's console; after a restart that of the next one, in the same log. */
  attach(output: Readable, input: Writable): void {
    if (this.#partial !== '') this.#finishLine();
    this.#input = input;
    output.on('data', (chunk: Buffer) => this.#take(chunk));
    input.on('error', () => {
      // QEMU has ended; `expect` says so.
    });
  }

  /** Index of the next line; give it to `expect` as `from` to look at later output only. */
  get position(): number {
    return this.lines.length;
  }

  /** Gives each chunk as it comes, for a terminal. Returns the way to stop that. */
  onData(listener: (chunk: Buffer) => void): () => void {
    this.#rawListeners.add(listener);
    return () => this.#rawListeners.delete(listener);
  }

  /** Types text on the guest's keyboard; a terminal sends `\r` for Enter. */
  write(text: string | Uint8Array): void {
    this.#input?.write(text);
  }

  /** Tells waiting `expect` calls that no more will come. */
  end(reason: string): void {
    if (this.#partial !== '') this.#finishLine();
    this.#ended = reason;
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** The last lines of output, for an error message. */
  tail(count = 15): string {
    return [...this.lines.slice(-count).map((line) => line.text), this.#partial]
      .filter((text) => text !== '')
      .join('\n');
  }

  /** The newest line that fits, from `from` on; null where none does. */
  find(pattern: RegExp, from = 0): ConsoleLine | null {
    return this.lines.slice(from).find((line) => pattern.test(line.text)) ?? null;
  }

  /**
   * Waits until a line (or the unfinished last one, e.g. a prompt) fits the pattern.
   * @param limitMs milliseconds from now
   * @param message what should have come, for the error
   * @throws NodeosError EMULATOR_TIMEOUT that names the log file
   */
  expect(pattern: RegExp, limitMs: number, message: string, from = 0): Promise<ConsoleLine> {
    return new Promise((resolve, reject) => {
      let index = from;
      const fail = (why: string): void => {
        stop();
        reject(new NodeosError('EMULATOR_TIMEOUT', `${message}: ${why}. Console log: ${this.logPath}\n${this.tail()}`));
      };
      const timer = setTimeout(() => fail(`not seen within ${limitMs / 1000} s`), limitMs);
      const stop = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const look = (): void => {
        for (; index < this.lines.length; index++) {
          const line = this.lines[index] as ConsoleLine;
          if (!pattern.test(line.text)) continue;
          stop();
          resolve(line);
          return;
        }
        const prompt = this.#partial.replace(ESCAPES, '');
        if (prompt !== '' && pattern.test(prompt)) {
          stop();
          resolve({ at: this.#partialSince, text: prompt });
          return;
        }
        if (this.#ended !== null) fail(this.#ended);
      };
      this.#watchers.add(look);
      look();
    });
  }

  #take(chunk: Buffer): void {
    appendFileSync(this.logPath, chunk);
    for (const listener of this.#rawListeners) listener(chunk);
    for (const character of chunk.toString('latin1')) {
      if (character === '\n') this.#finishLine();
      else {
        if (this.#partial === '') this.#partialSince = performance.now();
        this.#partial += character;
      }
    }
    for (const watcher of [...this.#watchers]) watcher();
  }

  #finishLine(): void {
    const text = Buffer.from(this.#partial, 'latin1').toString('utf8').replace(ESCAPES, '').replaceAll('\r', '');
    this.lines.push({ at: this.#partial === '' ? performance.now() : this.#partialSince, text });
    this.#partial = '';
  }
}
