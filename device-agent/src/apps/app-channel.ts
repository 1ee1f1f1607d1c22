import type { Duplex } from 'node:stream';
import { eachLine } from '../lines.ts';
import type { ComingUpdate } from '../ports.ts';

/** What the agent tells an app when it says hello. */
export interface AppGreeting {
  readonly device: Readonly<Record<string, string>>;
  readonly restart: { readonly count: number; readonly reason: string | null };
  readonly configuration: object;
}
export interface AppChannelOptions {
  readonly greeting: () => AppGreeting;
  /** Whether the app may hold back its updates. */
  readonly mayHold: boolean;
}

/** A reason that an app gives; it may be shown to people and must not be long. */
const REASON_CHARACTERS = 200;

/**
 * The agent's end of the socket that each process of an app is given; the other end is the package @nodeos/app.
 * Lines of JSON. What an app writes is not trusted: what is no known message is left out.
 */
export class AppChannel {
  readonly #stream: Duplex;
  readonly #options: AppChannelOptions;
  readonly #waiters = new Set<() => void>();
  #greeted = false;
  #unhealthy: string | null = null;
  #held: string | null = null;

  constructor(stream: Duplex, options: AppChannelOptions) {
    this.#stream = stream;
    this.#options = options;
    stream.on('error', () => {});
    stream.on('close', () => this.#release());
    eachLine(stream, (line) => this.#take(line));
  }

  /** Why the app says that it does not do its work; null where it does not say so. */
  get unhealthy(): string | null {
    return this.#unhealthy;
  }
  /** Why the app holds back its updates; null where it does not. */
  get held(): string | null {
    return this.#held;
  }

  #take(line: string): void {
    const message = parse(line);
    if (message.type === 'hello') {
      this.#greeted = true;
      this.#say({ type: 'hello', ...this.#options.greeting() });
    }
    if (message.type === 'health') this.#unhealthy = message.ok === false ? reasonOf(message) : null;
    if (message.type === 'hold' && message.on === true) this.#hold(reasonOf(message));
    if (message.type === 'hold' && message.on === false) this.#release();
  }

  #hold(reason: string): void {
    const granted = this.#options.mayHold;
    if (granted) this.#held = reason;
    this.#say(granted ? { type: 'hold', granted } : { type: 'hold', granted, reason: REFUSED });
  }

  #release(): void {
    this.#held = null;
    for (const waiter of this.#waiters) waiter();
    this.#waiters.clear();
  }

  /** Tells the app of an update; resolves when it no longer holds it back, or with the signal. */
  async untilReleased({ name, version }: ComingUpdate, signal: AbortSignal): Promise<void> {
    if (this.#held === null || signal.aborted) return;
    this.#say({ type: 'update-waiting', version, name });
    await new Promise<void>((resolve) => {
      this.#waiters.add(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  configure(configuration: object): void {
    // An app that has not said hello gets it with the greeting.
    if (this.#greeted) this.#say({ type: 'configuration', configuration });
  }

  #say(message: object): void {
    if (this.#stream.writable) this.#stream.write(`${JSON.stringify(message)}\n`);
  }
}

const REFUSED = 'nodeos.holdUpdatesMs in package.json gives the app no time to hold back updates';

function parse(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function reasonOf(message: Record<string, unknown>): string {
  const text = typeof message.reason === 'string' ? message.reason : '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what an app says must not steer a terminal
  return text.replace(/[\x00-\x1f\x7f]/g, ' ').slice(0, REASON_CHARACTERS) || 'no reason given';
}
