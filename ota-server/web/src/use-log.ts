import type { LogBatch } from '@nodeos/contracts/mqtt.ts';
import { useEffect, useState } from 'preact/hooks';
import { type ApiError, api } from './api.ts';
import { plainText } from './plain-text.ts';

export const LOG_LINES_MAX = 500;

export interface LogLine {
  /** Counts up with each line that is shown. */
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  /** An app's name or `agent`. */
  readonly source: string;
  readonly stream: LogBatch['lines'][number]['stream'];
  readonly text: string;
}
export type LogState = 'stopped' | 'connecting' | 'following' | 'broken';
export interface LiveLog {
  /** The newest ones, oldest first, at most LOG_LINES_MAX. */
  readonly lines: readonly LogLine[];
  /** `broken`: the browser tries to come back by itself. */
  readonly state: LogState;
  /** Why the stream ended though nobody stopped it. */
  readonly error: ApiError | null;
  /** From the start, with the lines of the past first. @param source `null` for all of them */
  follow(source: string | null): void;
  stop(): void;
}

const keyOf = ({ at, source, stream, text }: Omit<LogLine, 'id'>): string => `${at} ${source} ${stream} ${text}`;

/** A device's log, from `follow` until `stop` or until the component goes. */
export function useLog(deviceId: string): LiveLog {
  const [wanted, setWanted] = useState<{ readonly source: string | null } | null>(null);
  const [lines, setLines] = useState<readonly LogLine[]>([]);
  const [state, setState] = useState<LogState>('stopped');
  const [error, setError] = useState<ApiError | null>(null);

  useEffect(() => {
    if (wanted === null) return;
    let stopped = false;
    let shown: readonly LogLine[] = [];
    /** Lines of before the break: a stream that comes back begins with the past again. */
    let known = new Set<string>();
    let count = 0;
    const events = new EventSource(api.logPath(deviceId, wanted.source));
    const end = (cause: ApiError): void => {
      if (stopped) return;
      setError(cause);
      setState('stopped');
      setWanted(null);
    };
    events.addEventListener('open', () => setState('following'));
    events.addEventListener('log', (event) => {
      const batch = JSON.parse((event as MessageEvent<string>).data) as LogBatch;
      const fresh = batch.lines
        .map((line) => ({ ...line, text: plainText(line.text), id: count++ }))
        .filter((line) => !known.has(keyOf(line)));
      shown = [...shown, ...fresh].slice(-LOG_LINES_MAX);
      setLines(shown);
    });
    events.addEventListener('error', () => {
      known = new Set(shown.map(keyOf));
      if (events.readyState === EventSource.CONNECTING) setState('broken');
      else api.whyNoLog(deviceId, wanted.source).then(end);
    });
    return () => {
      stopped = true;
      events.close();
    };
  }, [deviceId, wanted]);

  return {
    ...{ lines, state, error },
    follow(source) {
      setLines([]);
      setError(null);
      setState('connecting');
      setWanted({ source });
    },
    stop() {
      setState('stopped');
      setWanted(null);
    },
  };
}
