import { appendFile, mkdir, readFile, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LogLine } from './log-ring.ts';

const FLUSH_AFTER_MS = 3_000;
const FLUSH_BYTES = 16_384;
const LETTER = { stdout: 'o', stderr: 'e', agent: 'a' } as const;
const STREAM: Readonly<Record<string, LogLine['stream']>> = { o: 'stdout', e: 'stderr', a: 'agent' };

/** `<milliseconds> <o|e|a> <text>`, one line. */
function formatLine(line: LogLine): string {
  return `${line.at} ${LETTER[line.stream]} ${line.text.replace(/\n/g, ' ')}\n`;
}

/** Lines of a log file; what a power cut tore is left out. */
export function parseLines(text: string, source: string): LogLine[] {
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  return whole.split('\n').flatMap((line) => {
    const parts = /^(\d{1,16}) ([oea]) (.*)$/.exec(line);
    if (!parts) return [];
    return [
      { at: Number(parts[1]), source, stream: STREAM[parts[2] as string] as LogLine['stream'], text: parts[3] ?? '' },
    ];
  });
}

export interface LogFile {
  append(line: LogLine): void;
  /** Lines of earlier runs, oldest first. */
  past(): Promise<LogLine[]>;
  flush(): Promise<void>;
}

/**
 * A log file of bounded size: the file and its predecessor `<path>.1` hold half of `maxBytes` each.
 * Lines are collected and written together, since flash wears by writes. A full or broken disk loses lines, nothing else.
 */
export function openLogFile(path: string, source: string, maxBytes: number): LogFile {
  let waiting: string[] = [];
  let waitingBytes = 0;
  let timer: NodeJS.Timeout | null = null;
  let writing: Promise<void> = Promise.resolve();

  async function write(text: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    const size = await stat(path).then(
      (status) => status.size,
      () => 0,
    );
    if (size + text.length > maxBytes / 2) await rename(path, `${path}.1`).catch(() => {});
    await appendFile(path, text);
  }

  function flush(): Promise<void> {
    if (timer) clearTimeout(timer);
    timer = null;
    if (waiting.length === 0) return writing;
    const text = waiting.join('');
    waiting = [];
    waitingBytes = 0;
    writing = writing.then(() => write(text)).catch(() => {});
    return writing;
  }

  return {
    append(line) {
      const text = formatLine(line);
      waiting.push(text);
      waitingBytes += text.length;
      if (waitingBytes >= FLUSH_BYTES) void flush();
      else timer ??= setTimeout(() => void flush(), FLUSH_AFTER_MS).unref();
    },
    async past() {
      const texts = await Promise.all([`${path}.1`, path].map((file) => readFile(file, 'utf8').catch(() => '')));
      return texts.flatMap((text) => parseLines(text, source));
    },
    flush,
  };
}
