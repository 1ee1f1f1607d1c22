import { DEVELOPMENT_LIMITS, type FromDevice, fromDeviceSchema, type ToDevice } from '@nodeos/contracts/development.ts';
import { ERROR_HINTS, type ErrorCode, NodeosError } from '@nodeos/contracts/errors.ts';
import { replMessageSchema } from '@nodeos/contracts/mqtt.ts';
import { parseJson, validate } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import type { ServerClient } from '../client.ts';

const sessionSchema = z.object({ session: z.string() });
const ANSWER_LIMIT_MS = 60_000;
/** A device that connects at this moment may not have heard: asking again costs less than waiting. */
const OPEN_LIMIT_MS = 20_000;

export type Kind = FromDevice['kind'];
export type Of<K extends Kind> = Extract<FromDevice, { kind: K }>;

/** One connection of a development session: what is sent goes in its order, what the device says is waited for by its kind. */
export class DevelopmentConnection {
  readonly id: string;
  /** Resolves when nothing more comes: with the device's last word, or null where the connection broke. */
  readonly ended: Promise<Of<'over'> | null>;
  readonly #client: ServerClient;
  readonly #path: string;
  readonly #stop = new AbortController();
  readonly #waiting = new Set<(message: FromDevice | null) => void>();
  readonly #onMessage: (message: FromDevice) => void;
  /** Messages that wait for their turn, each as JSON. */
  #unsent: string[] = [];
  #sending = false;
  #over: Of<'over'> | null = null;
  #isOver = false;
  #taken = 0;

  private constructor(client: ServerClient, path: string, id: string, onMessage: (message: FromDevice) => void) {
    this.id = id;
    this.#client = client;
    this.#path = `${path}/${id}`;
    this.#onMessage = onMessage;
    const renewing = setInterval(() => this.send({ kind: 'renew' }), DEVELOPMENT_LIMITS.renewMs);
    this.ended = this.#listen()
      .catch(() => {})
      .then(() => {
        clearInterval(renewing);
        this.#isOver = true;
        for (const wake of [...this.#waiting]) wake(null);
        return this.#over;
      });
  }

  /**
   * @param resume id of the connection that broke; refused where the device has started again since
   * @throws NodeosError DEVICE_OFFLINE, DEVELOPMENT_REFUSED, DEVELOPMENT_ENDED and the client's errors
   */
  static async open(
    client: ServerClient,
    deviceId: string,
    app: string,
    resume: string | null,
    onMessage: (message: FromDevice) => void,
  ): Promise<DevelopmentConnection> {
    const path = `/devices/${deviceId}/development`;
    const { session } = validate(sessionSchema, await client.send('POST', path, { app, resume }), 'the new session');
    const connection = new DevelopmentConnection(client, path, session, onMessage);
    try {
      await connection.next(['ready'], OPEN_LIMIT_MS);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  send(message: ToDevice): void {
    this.#unsent.push(JSON.stringify(message));
    if (this.#sending) return;
    this.#sending = true;
    // What is sent in the same turn goes together.
    setImmediate(() => void this.#sendAll().catch(() => this.#stop.abort()));
  }

  async #sendAll(): Promise<void> {
    while (this.#unsent.length > 0) {
      const messages = this.#unsent.splice(0, countAtOnce(this.#unsent));
      await this.#client.send('POST', this.#path, { data: `[${messages.join()}]`, end: false });
    }
    this.#sending = false;
  }

  /** The next message of one of the kinds. @throws NodeosError what the device refuses meanwhile, or DEVICE_OFFLINE */
  next<K extends Kind>(kinds: readonly K[], limitMs = ANSWER_LIMIT_MS): Promise<Of<K>> {
    return this.#wait(
      (message) => ((kinds as readonly Kind[]).includes(message.kind) ? (message as Of<K>) : null),
      limitMs,
    );
  }

  /** The hashes of the files of a list that the device has not; throws as `next` does. */
  missing(): Promise<Set<string>> {
    const missing = new Set<string>();
    return this.#wait((message) => {
      if (message.kind !== 'missing') return null;
      for (const sha256 of message.sha256) missing.add(sha256);
      return message.last ? missing : null;
    });
  }

  /** Octets that the device has taken in all. */
  get taken(): number {
    return this.#taken;
  }

  /** Resolves when the device has taken so many octets in all; throws as `next` does. */
  async takenUpTo(octets: number): Promise<void> {
    if (this.#taken < octets) await this.#wait(() => (this.#taken >= octets ? true : null));
  }

  #wait<T>(hear: (message: FromDevice) => T | null, limitMs = ANSWER_LIMIT_MS): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (work: () => void): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        work();
      };
      const wake = (message: FromDevice | null): void => {
        const refused =
          message === null ? this.#lost() : message.kind === 'failed' ? refusal(message.code, message.reason) : null;
        const heard = message === null || refused ? null : hear(message);
        if (refused) settle(() => reject(refused));
        else if (heard !== null) settle(() => resolve(heard));
      };
      const late = new NodeosError('DEVICE_OFFLINE', 'the device did not answer in time');
      const timer = setTimeout(() => settle(() => reject(late)), limitMs);
      if (this.#isOver) settle(() => reject(this.#lost()));
      else this.#waiting.add(wake);
    });
  }

  close(): void {
    this.#stop.abort();
  }

  #lost(): NodeosError {
    if (this.#over) return refusal(this.#over.code ?? 'DEVELOPMENT_ENDED', this.#over.reason);
    return new NodeosError('DEVICE_OFFLINE', 'the connection of the development session broke');
  }

  async #listen(): Promise<void> {
    for await (const { event, data } of this.#client.events(this.#path, this.#stop.signal)) {
      if (event !== 'development') continue;
      const { data: text, end } = parseJson(replMessageSchema, data, 'development event');
      if (text !== '') this.#hear(parseJson(fromDeviceSchema, text, 'what the device says'));
      if (end) return;
    }
  }

  #hear(message: FromDevice): void {
    if (message.kind === 'over') this.#over = message;
    if (message.kind === 'took') this.#taken += message.bytes;
    for (const wake of [...this.#waiting]) wake(message);
    this.#onMessage(message);
  }
}

/** How many of the first messages one may hold. */
function countAtOnce(messages: readonly string[]): number {
  const { messageMaxCharacters, messagesAtOnceMax } = DEVELOPMENT_LIMITS;
  let characters = 2;
  const count = messages.findIndex((message) => {
    characters += message.length + 1;
    return characters > messageMaxCharacters;
  });
  return Math.min(messagesAtOnceMax, Math.max(1, count < 0 ? messages.length : count));
}

function refusal(code: string, reason: string): NodeosError {
  const known = code in ERROR_HINTS ? (code as ErrorCode) : 'INTERNAL';
  return new NodeosError(known, reason.replace(new RegExp(`^${code}: `), ''));
}
