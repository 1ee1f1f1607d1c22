import { seededRandom } from '../faults/twin/random.ts';

export interface Victim {
  readonly name: string;
  kill(): Promise<void>;
  /** Resolves when it works again. */
  start(): Promise<void>;
}

export interface Killer {
  /** How often each was killed. */
  readonly kills: ReadonlyMap<string, number>;
  /** All victims work again. */
  stop(): Promise<void>;
}

/**
 * Kills victims one after the other at random times, and starts each again after a random time.
 * @param pauseMaxMs longest time in which all work
 */
export function startKiller(
  victims: readonly Victim[],
  seed: number,
  pauseMaxMs: number,
  onKill: (line: string) => void,
): Killer {
  const random = seededRandom(seed);
  const kills = new Map(victims.map(({ name }) => [name, 0]));
  const began = performance.now();
  const stopped = new AbortController();
  const wait = (milliseconds: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      stopped.signal.addEventListener('abort', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  const work = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await wait(random() * pauseMaxMs);
      const victim = victims[Math.floor(random() * victims.length)] as Victim;
      if (stopped.signal.aborted) return;
      onKill(`${((performance.now() - began) / 1000).toFixed(1)} s: kill -9 ${victim.name}`);
      kills.set(victim.name, (kills.get(victim.name) ?? 0) + 1);
      await victim.kill();
      await wait(random() * 2_000);
      await victim.start();
    }
  };
  const working = work();
  return {
    kills,
    async stop() {
      stopped.abort();
      await working;
    },
  };
}
