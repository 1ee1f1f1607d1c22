import type { LogBatch, Tell } from '@nodeos/contracts/mqtt.ts';
import type { LogLine } from './log-ring.ts';
import type { Logs } from './logs.ts';

const BATCH_LINES = 500;
const BATCH_BYTES = 131_072;
const BATCH_AFTER_MS = 250;
/** An operator's view of a chattering app must not grow without bound: the middle is left out, and said so. */
const WAITING_LINES_MAX = 2_000;

type LogsTell = Extract<Tell, { kind: 'logs' }>;

/** Sends log lines for as long as the server asks for them. */
export interface LogStream {
  open(tell: LogsTell): Promise<void>;
  close(): void;
}

/** @param publish gets batches of lines in order */
export function createLogStream(logs: Logs, publish: (batch: LogBatch) => void): LogStream {
  let app: string | null = null;
  let unfollow: (() => void) | null = null;
  let endTimer: NodeJS.Timeout | null = null;
  let batchTimer: NodeJS.Timeout | null = null;
  let waiting: LogLine[] = [];

  function take(line: LogLine): void {
    if (app !== null && line.source !== app) return;
    waiting.push(line);
    if (waiting.length > WAITING_LINES_MAX) waiting.splice(0, waiting.length - WAITING_LINES_MAX);
    batchTimer ??= setTimeout(send, BATCH_AFTER_MS);
  }

  function send(): void {
    batchTimer = null;
    for (const lines of inBatches(waiting)) publish({ lines });
    waiting = [];
  }

  function close(): void {
    unfollow?.();
    unfollow = null;
    if (endTimer) clearTimeout(endTimer);
    if (batchTimer) send();
  }

  return {
    async open(tell) {
      close();
      app = tell.app;
      // The lines of the past are picked before this call returns; those that come while they are read follow them.
      const past = logs.tail(app, tell.backlog);
      const meanwhile: LogLine[] = [];
      let listener = (line: LogLine): void => void meanwhile.push(line);
      const mine = logs.follow((line) => listener(line));
      unfollow = mine;
      endTimer = setTimeout(close, tell.seconds * 1000);
      const lines = await past;
      if (unfollow !== mine) return;
      for (const line of [...lines, ...meanwhile]) take(line);
      listener = take;
    },
    close,
  };
}

/** Cuts lines into messages of bounded count and size. */
export function inBatches(lines: readonly LogLine[]): LogLine[][] {
  const batches: LogLine[][] = [];
  let bytes = 0;
  for (const line of lines) {
    const last = batches.at(-1);
    const cost = line.text.length + 64;
    if (!last || last.length >= BATCH_LINES || bytes + cost > BATCH_BYTES) {
      batches.push([line]);
      bytes = cost;
    } else {
      last.push(line);
      bytes += cost;
    }
  }
  return batches;
}
