import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import type { MetricSample } from '@nodeos/contracts/metrics.ts';

/** What is kept of a report's metrics; null where it has none. @param at when it came */
export function metricSampleOf({ metrics, memory, inventory }: DeviceReport, at: number): MetricSample | null {
  if (metrics === undefined) return null;
  const { load, temperature, eventLoopDelayMs } = metrics;
  return {
    at,
    memoryAvailableKiB: Math.max(0, memory.availableKiB),
    storageFreeKiB: inventory?.storage.freeKiB ?? null,
    load: hundredths(load.one),
    temperature: temperature === null ? null : hundredths(temperature),
    eventLoopDelayMs: eventLoopDelayMs === null ? null : hundredths(eventLoopDelayMs.p99),
  };
}

/** A history of this length shows no more, and a narrow column holds them. */
function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
