export interface Speed {
  /** Bytes a second over the last seconds; 0 at the beginning. */
  readonly bytesPerSecond: number;
  /** Null where it cannot be said yet. */
  readonly secondsLeft: number | null;
}

/** Long enough to even out a drive's own buffer, short enough to show that it has become slower. */
const WINDOW_MS = 5_000;
const FIRST_ANSWER_MS = 500;

/** Speed of something whose position is told from time to time, in milliseconds of any clock. */
export function speedMeter(totalBytes: number): (doneBytes: number, now: number) => Speed {
  const samples: { at: number; bytes: number }[] = [];
  return (bytes, now) => {
    samples.push({ at: now, bytes });
    while (samples.length > 2 && (samples[1]?.at ?? now) < now - WINDOW_MS) samples.shift();
    const first = samples[0] as { at: number; bytes: number };
    const elapsed = now - first.at;
    const bytesPerSecond = elapsed < FIRST_ANSWER_MS ? 0 : ((bytes - first.bytes) * 1000) / elapsed;
    const left = Math.max(0, totalBytes - bytes);
    return { bytesPerSecond, secondsLeft: bytesPerSecond > 0 ? left / bytesPerSecond : null };
  };
}
