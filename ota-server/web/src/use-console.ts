import type { ReplMessage } from '@nodeos/contracts/mqtt.ts';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, api } from './api.ts';
import { plainTextStream } from './plain-text.ts';

export const CONSOLE_CHARACTERS_MAX = 100_000;

/** What came from the device, or what was typed here: a Node.js without a terminal does not echo. */
export interface ConsolePiece {
  readonly id: number;
  readonly typed: boolean;
  readonly text: string;
}
export type ConsoleState = 'closed' | 'opening' | 'open' | 'broken' | 'ended';
export interface DeviceConsoleState {
  /** `broken`: open, and the browser tries to come back. `ended`: not by this page. */
  readonly state: ConsoleState;
  /** The end of what was typed and answered, at most CONSOLE_CHARACTERS_MAX. */
  readonly pieces: readonly ConsolePiece[];
  readonly error: ApiError | null;
  /** @param app whose files and rights it gets; null for nobody's */
  open(app: string | null): void;
  send(line: string): void;
  close(): void;
}

interface Session {
  send(text: string): void;
  /** Ends it on the device too; nothing is told any more. */
  end(): void;
}
interface SessionEvents {
  onConnected(): void;
  onBroken(): void;
  onOutput(text: string): void;
  onEnded(error: ApiError | null): void;
}

/** Consoles of a device, one after the other; what is open ends with the component and with the page. */
export function useConsole(deviceId: string): DeviceConsoleState {
  const [state, setState] = useState<ConsoleState>('closed');
  const [pieces, setPieces] = useState<readonly ConsolePiece[]>([]);
  const [error, setError] = useState<ApiError | null>(null);
  const session = useRef<Session | null>(null);
  const add = (text: string, typed: boolean): void => setPieces((now) => withPiece(now, text, typed));
  const close = (): void => {
    session.current?.end();
    session.current = null;
    setState('closed');
  };
  useEffect(() => {
    addEventListener('pagehide', close);
    return () => {
      removeEventListener('pagehide', close);
      session.current?.end();
    };
  }, []);

  return {
    ...{ state, pieces, error, close },
    open(app) {
      setState('opening');
      setPieces([]);
      setError(null);
      const plain = plainTextStream();
      session.current = openSession(deviceId, app, {
        onConnected: () => setState('open'),
        onBroken: () => setState('broken'),
        onOutput: (text) => add(plain(text), false),
        onEnded(cause) {
          session.current = null;
          setError(cause);
          setState('ended');
        },
      });
    },
    send(line) {
      add(`${line}\n`, true);
      session.current?.send(`${line}\n`);
    },
  };
}

function openSession(deviceId: string, app: string | null, on: SessionEvents): Session {
  let id: string | null = null;
  let over = false;
  let events: EventSource | null = null;
  // One request after the other: lines must arrive in the order they were typed.
  let sending: Promise<unknown> = Promise.resolve();
  const end = (): void => {
    if (over) return;
    over = true;
    events?.close();
    if (id !== null) api.endConsole(deviceId, id);
  };
  const fail = (cause: unknown): void => {
    if (over) return;
    end();
    on.onEnded(cause instanceof ApiError ? cause : new ApiError('INTERNAL', String(cause), ''));
  };
  const listen = (session: string): void => {
    id = session;
    const stream = new EventSource(api.consolePath(deviceId, session));
    events = stream;
    stream.addEventListener('open', on.onConnected);
    stream.addEventListener('repl', (event) => {
      const message = JSON.parse((event as MessageEvent<string>).data) as ReplMessage;
      on.onOutput(message.data);
      if (!message.end || over) return;
      over = true;
      stream.close();
      on.onEnded(null);
    });
    stream.addEventListener('error', () => {
      if (stream.readyState === EventSource.CONNECTING) on.onBroken();
      else fail(new ApiError('NOT_FOUND', 'The server has ended this console.', 'Open another one.'));
    });
  };
  api.openConsole(deviceId, app).then(({ session }) => {
    if (over) api.endConsole(deviceId, session);
    else listen(session);
  }, fail);
  return {
    end,
    send(text) {
      sending = sending.then(() => (id === null || over ? undefined : api.typeIntoConsole(deviceId, id, text)));
      sending = sending.catch(fail);
    },
  };
}

function withPiece(pieces: readonly ConsolePiece[], text: string, typed: boolean): readonly ConsolePiece[] {
  const last = pieces.at(-1);
  const next =
    last?.typed === typed
      ? [...pieces.slice(0, -1), { ...last, text: last.text + text }]
      : [...pieces, { id: (last?.id ?? 0) + 1, typed, text }];
  let over = next.reduce((sum, piece) => sum + piece.text.length, 0) - CONSOLE_CHARACTERS_MAX;
  while (over > 0) {
    const first = next.shift() as ConsolePiece;
    if (first.text.length > over) next.unshift({ ...first, text: first.text.slice(over) });
    over -= first.text.length;
  }
  return next;
}
