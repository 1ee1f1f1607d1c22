import type { NativeCalls } from './ports.ts';

/**
 * Gives back what an update left behind. Without it the heap and the C library keep the highest amount that was ever
 * needed, and on a device that is memory its apps do not have. Takes the thread for a moment.
 */
export function releaseMemory(native: Pick<NativeCalls, 'trimMemory'>): void {
  // There with --expose-gc, which the board's system flags hold.
  globalThis.gc?.();
  native.trimMemory();
}
