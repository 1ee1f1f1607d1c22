import { get } from 'node:http';
import { NodeosError } from '@nodeos/contracts/errors.ts';

export interface Outage {
  /** Longest time without a good answer: last good one before it to first good one after it, less the usual spacing. */
  readonly milliseconds: number;
  /** Median time between good answers. */
  readonly spacingMs: number;
  readonly answers: number;
  readonly failures: number;
  /** Versions in the order in which they first answered. */
  readonly versions: readonly string[];
}

export interface RequestLoopOptions {
  /** Gives JSON with a `version`. */
  readonly url: string;
  /** A request without an answer for this long counts as failed; it bounds how late the end of an outage is seen. */
  readonly requestLimitMs: number;
  /** Aborted: the loop ends and `next` rejects. */
  readonly signal?: AbortSignal;
  /** Pause between one answer and the next request; default 10 ms. */
  readonly pauseMs?: number;
}

interface GoodAnswer {
  readonly at: number;
  readonly version: string;
}

/** Asks an app over and over, one request at a time, each on a connection of its own, and remembers when it answered. */
export class RequestLoop {
  readonly #options: RequestLoopOptions;
  readonly #good: GoodAnswer[] = [];
  readonly #waiting = new Set<() => void>();
  #failures = 0;
  #stopped = false;
  readonly #done: Promise<void>;

  constructor(options: RequestLoopOptions) {
    this.#options = options;
    this.#done = this.#run();
  }

  /** The version that answered last, null before the first answer. */
  get version(): string | null {
    return this.#good.at(-1)?.version ?? null;
  }

  /** Resolves with the next good answer that fits; @throws NodeosError STORY_FAILED with the message after the limit. */
  async next(accept: (version: string) => boolean, limitMs: number, message: string): Promise<void> {
    const from = this.#good.length;
    const limit = performance.now() + limitMs;
    while (!this.#good.slice(from).some((answer) => accept(answer.version))) {
      if (this.#options.signal?.aborted) throw new NodeosError('INTERRUPTED', 'interrupted');
      if (performance.now() > limit || this.#stopped) throw new NodeosError('STORY_FAILED', message);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Ends the loop and says what was seen. */
  async stop(): Promise<Outage> {
    this.#stopped = true;
    await this.#done;
    return measureOutage(this.#good, this.#failures);
  }

  async #run(): Promise<void> {
    while (!this.#stopped && !this.#options.signal?.aborted) {
      const version = await askVersion(this.#options.url, this.#options.requestLimitMs);
      if (version === null) this.#failures++;
      else this.#good.push({ at: performance.now(), version });
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
      await new Promise((resolve) => setTimeout(resolve, this.#options.pauseMs ?? 10));
    }
    for (const wake of this.#waiting) wake();
  }
}

/** Pure part of the measurement; `good` in the order of time. */
export function measureOutage(good: readonly GoodAnswer[], failures: number): Outage {
  const gaps = good.slice(1).map((answer, index) => answer.at - (good[index] as GoodAnswer).at);
  const spacingMs = [...gaps].sort((a, b) => a - b)[Math.floor(gaps.length / 2)] ?? 0;
  return {
    milliseconds: Math.max(0, ...gaps.map((gap) => gap - spacingMs)),
    spacingMs,
    answers: good.length,
    failures,
    versions: [...new Set(good.map((answer) => answer.version))],
  };
}

/** One request; null where no good answer came in time. */
export function askVersion(url: string, limitMs: number): Promise<string | null> {
  return askJson(url, limitMs).then((body) => (typeof body?.version === 'string' ? body.version : null));
}

/** One request for a JSON object; null where no 200 with JSON came in time. */
export function askJson(url: string, limitMs: number): Promise<Record<string, unknown> | null> {
  return new Promise((resolve) => {
    // A connection that is kept alive would hide a moment without a listener.
    const request = get(url, { agent: false, signal: AbortSignal.timeout(limitMs) }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', () => resolve(null));
      response.on('end', () => {
        try {
          resolve(response.statusCode === 200 ? JSON.parse(text) : null);
        } catch {
          resolve(null);
        }
      });
    });
    request.on('error', () => resolve(null));
  });
}
