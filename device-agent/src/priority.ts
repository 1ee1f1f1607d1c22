import { setPriority } from 'node:os';

/** Niceness while apps start; the launcher puts its own back to 0. */
const BEHIND_APPS = 10;

/**
 * Lets the apps go first: what a user waits for after a boot is their answer, not the agent's.
 * Of this process only the calling thread stands back (setpriority(2), "C library/kernel differences").
 * @param limitMs after which the agent is an equal again, in any case
 */
export function standBack(limitMs: number): { over(): void } {
  setOwn(BEHIND_APPS);
  const timer = setTimeout(() => over(), limitMs);
  let done = false;
  const over = (): void => {
    if (done) return;
    done = true;
    clearTimeout(timer);
    setOwn(0);
  };
  return { over };
}

function setOwn(niceness: number): void {
  try {
    setPriority(niceness);
  } catch {
    // Not root: everything goes on, only less smoothly.
  }
}
