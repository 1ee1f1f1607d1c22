import type { MetricSample } from '@nodeos/contracts/metrics.ts';

/** A short history of how the devices of one fleet got on: see `metricsIntervalMs` and `metricsKeptMs`. */
export interface MetricsStore {
  /** Keeps the sample, where it is the first of its interval; the one that is older by the time that they are kept goes. */
  add(device: string, sample: MetricSample): Promise<void>;
  /** Those that are newer than this moment, oldest first. */
  list(device: string, after: number): Promise<MetricSample[]>;
}
