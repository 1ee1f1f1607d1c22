import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import { type LogFile, openLogFile } from './log-file.ts';
import { type LogLine, LogRing } from './log-ring.ts';

const AGENT_SOURCE = 'agent';

export interface Logs {
  /** A line of the agent's own; it also goes to the console. */
  log(text: string): void;
  append(source: string, stream: LogLine['stream'], text: string): void;
  /** The last lines of one source, or of all by time. */
  tail(source: string | null, count: number): Promise<LogLine[]>;
  /** Calls back for each new line until the returned function is called. */
  follow(listener: (line: LogLine) => void): () => void;
  flush(): Promise<void>;
}

interface Source {
  readonly ring: LogRing;
  readonly file: LogFile;
}

/**
 * Keeps the newest lines of each source in memory and, bounded, in `<folder>/<source>.log`.
 * @param print writes a line to the console
 */
export function openLogs(folder: string, print: (line: string) => void): Logs {
  const sources = new Map<string, Source>();
  const listeners = new Set<(line: LogLine) => void>();

  function sourceOf(name: string): Source {
    const known = sources.get(name);
    if (known) return known;
    const file = openLogFile(`${folder}/${name}.log`, name, DEVICE_LIMITS.logRingMaxBytes);
    const source = { ring: new LogRing(DEVICE_LIMITS.logRingMaxBytes), file };
    sources.set(name, source);
    return source;
  }

  function append(name: string, stream: LogLine['stream'], text: string): void {
    const line: LogLine = { at: Date.now(), source: name, stream, text };
    const source = sourceOf(name);
    source.ring.push(line);
    source.file.append(line);
    for (const listener of listeners) listener(line);
  }

  async function linesOf(name: string, count: number): Promise<LogLine[]> {
    const { ring, file } = sourceOf(name);
    const recent = ring.tail(count);
    if (recent.length >= count) return recent;
    // What the file has beyond the ring is from before this process; what both have stands in the ring.
    const oldestInRing = ring.tail(Number.POSITIVE_INFINITY)[0]?.at ?? Number.POSITIVE_INFINITY;
    await file.flush();
    const past = (await file.past()).filter((line) => line.at < oldestInRing);
    return [...past, ...recent].slice(-count);
  }

  return {
    log(text) {
      print(`agent: ${text}`);
      append(AGENT_SOURCE, 'agent', text.slice(0, DEVICE_LIMITS.logLineMaxBytes));
    },
    append,
    async tail(source, count) {
      if (count <= 0) return [];
      if (source !== null) return linesOf(source, count);
      const all = await Promise.all([...sources.keys()].map((name) => linesOf(name, count)));
      return all
        .flat()
        .sort((a, b) => a.at - b.at)
        .slice(-count);
    },
    follow(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async flush() {
      await Promise.all([...sources.values()].map(({ file }) => file.flush()));
    },
  };
}
