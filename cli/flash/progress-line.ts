import type { FlashPhase, FlashProgress } from '@nodeos/firmware/flash/flash-drives.ts';
import { type Speed, speedMeter } from '@nodeos/firmware/flash/speed.ts';
import { type CliIo, isTerminal } from '../io.ts';
import { formatBytes } from '../output.ts';

const REDRAW_MS = 100;
/** Where no person watches, a line for every quarter of the way. */
const STEPS = 4;

/** `/dev/sdb writing 42 %, 38 MB/s, 131 MB of 308 MB, 5 s left`; phases without a measure are only named. */
export function progressText({ drive, phase, doneBytes, totalBytes }: FlashProgress, speed: Speed): string {
  if (totalBytes === 0) return `${drive} ${phase}`;
  const parts = [`${drive} ${phase} ${Math.floor((100 * doneBytes) / totalBytes)} %`];
  if (speed.bytesPerSecond > 0) parts.push(`${formatBytes(speed.bytesPerSecond)}/s`);
  parts.push(`${formatBytes(doneBytes)} of ${formatBytes(totalBytes)}`);
  if (speed.secondsLeft !== null && doneBytes < totalBytes) parts.push(`${formatSeconds(speed.secondsLeft)} left`);
  return parts.join(', ');
}

export function formatSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  return whole < 100 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

interface Shown {
  readonly phase: FlashPhase;
  readonly meter: (bytes: number, now: number) => Speed;
  text: string;
  step: number;
}

/** Shows how several drives are getting on: on a terminal one line that changes, elsewhere a line now and then. */
export function flashProgressPrinter(io: CliIo): { show: (progress: FlashProgress) => void; end: () => void } {
  const terminal = isTerminal(io.stderr);
  const drives = new Map<string, Shown>();
  let drawnAt = Number.NEGATIVE_INFINITY;
  let open = false;
  return {
    show(progress) {
      const now = performance.now();
      const known = drives.get(progress.drive);
      const begins = known?.phase !== progress.phase;
      const shown = begins
        ? { phase: progress.phase, meter: speedMeter(progress.totalBytes), text: '', step: -1 }
        : (known as Shown);
      drives.set(progress.drive, shown);
      shown.text = progressText(progress, shown.meter(progress.doneBytes, now));
      if (terminal) {
        if (!begins && now - drawnAt < REDRAW_MS) return;
        drawnAt = now;
        const columns = (io.stderr as { columns?: number }).columns ?? 80;
        const line = [...drives.values()].map(({ text }) => text).join(' | ');
        io.stderr.write(`\r\x1b[2K${line.slice(0, columns - 1)}`);
        open = true;
        return;
      }
      const step = progress.totalBytes === 0 ? 0 : Math.floor((STEPS * progress.doneBytes) / progress.totalBytes);
      if (step > shown.step) io.stderr.write(`${shown.text}\n`);
      shown.step = Math.max(step, shown.step);
    },
    end() {
      if (open) io.stderr.write('\n');
      open = false;
    },
  };
}
