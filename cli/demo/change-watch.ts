import { setTimeout as delay } from 'node:timers/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { ServerClient } from '../client.ts';

/** Where the stream of changes breaks off, what is waited for is looked at this often. */
const LOOK_AGAIN_MS = 2_000;

export interface ChangeWatch {
  /**
   * Reads now and after each change that the server reports, until what was read is accepted.
   * @throws NodeosError STORY_FAILED after the limit: what was expected, and what was seen last
   */
  until<T>(
    read: () => Promise<T>,
    accept: (value: T) => boolean,
    limitMs: number,
    expected: string,
    show: (value: T) => string,
  ): Promise<T>;
}

/** Follows the server's change events for as long as the signal lets it. */
export function watchChanges(client: ServerClient, signal: AbortSignal): ChangeWatch {
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const resolve of waiting) resolve();
    waiting.clear();
  };
  signal.addEventListener('abort', wake, { once: true });
  const follow = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        for await (const event of client.events('/events', signal)) if (event.event === 'change') wake();
      } catch {
        // The stream is opened again; until then `until` looks by itself.
      }
      await delay(LOOK_AGAIN_MS, undefined, { signal }).catch(() => {});
    }
  };
  void follow();
  return {
    async until(read, accept, limitMs, expected, show) {
      const limit = performance.now() + limitMs;
      for (;;) {
        const changed = new Promise<void>((resolve) => waiting.add(resolve));
        if (signal.aborted) throw new NodeosError('INTERRUPTED', 'interrupted');
        const value = await read();
        if (accept(value)) return value;
        const left = limit - performance.now();
        if (left <= 0) {
          const text = `expected within ${limitMs / 1000} s: ${expected}; seen: ${show(value)}`;
          throw new NodeosError('STORY_FAILED', text);
        }
        const timer = new AbortController();
        const pause = delay(Math.min(left, LOOK_AGAIN_MS), undefined, { signal: timer.signal }).catch(() => {});
        await Promise.race([changed, pause]);
        timer.abort();
      }
    },
  };
}
