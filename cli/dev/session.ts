import { NodeosError } from '@nodeos/contracts/errors.ts';
import { replMessageSchema } from '@nodeos/contracts/mqtt.ts';
import { parseJson, validate } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import type { ServerClient } from '../client.ts';
import { MARK, RUNNER_FILE } from './device-runner.ts';

const sessionSchema = z.object({ session: z.string() });
const answerSchema = z.union([
  z.object({ files: z.record(z.string(), z.string()) }),
  z.object({ restarted: z.literal(true), running: z.boolean(), milliseconds: z.number() }),
  z.object({ error: z.string() }),
]);
type Answer = z.infer<typeof answerSchema>;
export type Restarted = Extract<Answer, { restarted: true }>;

/** Characters in one request; the server takes 65,536. */
const PIECE_CHARACTERS = 48_000;
const ANSWER_LIMIT_MS = 60_000;
/** The device ends a console that says nothing. */
const KEEP_ALIVE_MS = 120_000;

export interface DevelopmentSession {
  /** sha256 of each file that the device has, by its path. */
  readonly files: Map<string, string>;
  put(path: string, bytes: Uint8Array, executable: boolean): void;
  remove(path: string): void;
  /** Starts the app again; resolves when it takes connections on its port, or runs. */
  restart(): Promise<Restarted>;
  /** Resolves when the device or the server ended the session. */
  readonly ended: Promise<void>;
  close(): void;
}

/**
 * Opens a console of the app's user on the device and lets the runner in the bundle take it over.
 * @throws NodeosError DEVICE_OFFLINE, APP_START_FAILED and the client's errors
 */
export async function openDevelopmentSession(
  client: ServerClient,
  deviceId: string,
  app: string,
): Promise<DevelopmentSession> {
  const repl = `/devices/${deviceId}/repl`;
  const { session } = validate(sessionSchema, await client.send('POST', repl, { app }), 'the new session');
  const path = `${repl}/${session}`;
  const stop = new AbortController();
  const waiting: ((answer: Answer | Error) => void)[] = [];
  let seen = '';

  const listen = async (): Promise<void> => {
    let partial = '';
    for await (const { event, data } of client.events(path, stop.signal)) {
      if (event !== 'repl') continue;
      const message = parseJson(replMessageSchema, data, 'console event');
      const lines = (partial + message.data).split('\n');
      partial = lines.pop() ?? '';
      for (const line of lines) {
        const at = line.indexOf(MARK);
        if (at < 0) seen = `${seen}${line}\n`.slice(-2_000);
        else waiting.shift()?.(parseJson(answerSchema, line.slice(at + MARK.length), 'the answer of the device'));
      }
      if (message.end) break;
    }
  };
  const broken = (): Error => new NodeosError('DEVICE_OFFLINE', `the console of ${app} ended: ${lastLine(seen)}`);
  const ended = listen()
    .catch(() => {})
    .then(() => {
      clearInterval(alive);
      for (const wake of waiting.splice(0)) wake(broken());
    });

  // One request after the other: the pieces must arrive in their order.
  let sending: Promise<unknown> = Promise.resolve();
  const send = (text: string): void => {
    for (let at = 0; at < text.length; at += PIECE_CHARACTERS) {
      const data = text.slice(at, at + PIECE_CHARACTERS);
      sending = sending.then(() => client.send('POST', path, { data, end: false })).catch(() => stop.abort());
    }
  };
  const alive = setInterval(() => send('\n'), KEEP_ALIVE_MS);
  const ask = async (text: string): Promise<Answer> => {
    const answered = new Promise<Answer | Error>((resolve) => waiting.push(resolve));
    send(text);
    const late = AbortSignal.timeout(ANSWER_LIMIT_MS);
    const limit = new Promise<Error>((resolve) => {
      late.addEventListener('abort', () => resolve(broken()));
    });
    const answer = await Promise.race([answered, limit]);
    if (answer instanceof Error) throw answer;
    if ('error' in answer) throw new NodeosError('APP_START_FAILED', `${app}: ${answer.error}`);
    return answer;
  };

  const first = await ask(`require('/app/${RUNNER_FILE}').receive()\n`);
  return {
    files: new Map(Object.entries('files' in first ? first.files : {})),
    put: (name, bytes, executable) =>
      send(`${JSON.stringify({ put: name, executable, data: Buffer.from(bytes).toString('base64') })}\n`),
    remove: (name) => send(`${JSON.stringify({ remove: name })}\n`),
    async restart() {
      return (await ask(`${JSON.stringify({ restart: true })}\n`)) as Restarted;
    },
    ended,
    close() {
      clearInterval(alive);
      sending = sending.then(() => client.send('POST', path, { data: '', end: true })).catch(() => {});
      void sending.then(() => stop.abort());
    },
  };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 300) || 'it said nothing';
}
