import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { DeviceMetrics } from '@nodeos/contracts/metrics.ts';

/** A timer that comes this often is what measures: more often, and an idle device would wake up for nothing else. */
const RESOLUTION_MS = 50;
const NANOSECONDS_PER_MS = 1e6;
/** No board works beyond these; sensors that are switched off tell absolute zero, or all bits set. °C */
const PLAUSIBLE = { above: -60, below: 150 };

/** Watches how late the agent's own timers are. */
export interface EventLoopWatch {
  /** Since the last call; null where no timer has come due since. */
  take(): DeviceMetrics['eventLoopDelayMs'];
  close(): void;
}

export function watchEventLoop(): EventLoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  histogram.enable();
  // It records the time between two timers, of which the resolution is no delay. A timer may come a moment early.
  const delayMs = (nanoseconds: number): number =>
    rounded(Math.max(0, nanoseconds / NANOSECONDS_PER_MS - RESOLUTION_MS), 2);
  return {
    take() {
      const { count, mean, max } = histogram;
      // An empty histogram has a mean that is no number, and a highest value that is none of its own; a reset would
      // have it wait for two timers anew.
      if (count === 0) return null;
      const found = { mean: delayMs(mean), p99: delayMs(histogram.percentile(99)), max: delayMs(max) };
      histogram.reset();
      return found;
    },
    close: () => void histogram.disable(),
  };
}

export interface MetricSources {
  /** Folder with `loadavg`. */
  readonly proc: string;
  /** `/sys/class/thermal` */
  readonly thermal: string;
  readonly eventLoop: Pick<EventLoopWatch, 'take'>;
}

/** How the device gets on; null where the kernel does not tell its load. */
export async function readMetrics({ proc, thermal, eventLoop }: MetricSources): Promise<DeviceMetrics | null> {
  const eventLoopDelayMs = eventLoop.take();
  const load = await readLoad(proc);
  if (load === null) return null;
  return { load, processors: availableParallelism(), temperature: await readTemperature(thermal), eventLoopDelayMs };
}

async function readLoad(proc: string): Promise<DeviceMetrics['load'] | null> {
  const text = await readFile(`${proc}/loadavg`, 'utf8').catch(() => '');
  const match = /^([\d.]+) ([\d.]+) ([\d.]+) /.exec(text);
  return match && { one: Number(match[1]), five: Number(match[2]), fifteen: Number(match[3]) };
}

/** The highest of the zones that can be read, in °C (Linux kernel, Documentation/driver-api/thermal/sysfs-api.rst). */
async function readTemperature(thermal: string): Promise<number | null> {
  const names = await readdir(thermal).catch(() => []);
  const zones = names.filter((name) => /^thermal_zone\d+$/.test(name));
  const texts = await Promise.all(zones.map((zone) => readFile(`${thermal}/${zone}/temp`, 'utf8').catch(() => '')));
  const found = texts
    .filter((text) => /^-?\d+\s*$/.test(text))
    .map((text) => rounded(Number(text) / 1000, 1))
    .filter((celsius) => celsius > PLAUSIBLE.above && celsius < PLAUSIBLE.below);
  return found.length === 0 ? null : Math.max(...found);
}

function rounded(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
