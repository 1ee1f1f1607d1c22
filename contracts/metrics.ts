import * as z from 'zod';

const load = z.number().nonnegative().max(1e6);
const milliseconds = z.number().nonnegative().max(1e9);
/** Degrees Celsius. */
const temperature = z.number().min(-273).max(1000);

/** How a device gets on, part of its report; memory and storage stand elsewhere in it. */
export const deviceMetricsSchema = z.strictObject({
  /** Processes that run or wait for a processor or the disk, on average over so many minutes: proc_loadavg(5). */
  load: z.strictObject({ one: load, five: load, fifteen: load }),
  /** A load is much or little by how many there are. */
  processors: z.number().int().positive(),
  /** Of its hottest part, °C; null where the board tells none. */
  temperature: temperature.nullable(),
  /** By how much the agent's timers were late since its last report; null where none came due. */
  eventLoopDelayMs: z.strictObject({ mean: milliseconds, p99: milliseconds, max: milliseconds }).nullable(),
});
export type DeviceMetrics = z.infer<typeof deviceMetricsSchema>;

/** What the server keeps of a report's metrics. */
export const metricSampleSchema = z.strictObject({
  /** When the report came, milliseconds since 1970. */
  at: z.number().int(),
  memoryAvailableKiB: z.number().int().nonnegative(),
  /** Of the data partition; null where the report tells none. */
  storageFreeKiB: z.number().int().nonnegative().nullable(),
  /** Over one minute. */
  load,
  /** °C */
  temperature: temperature.nullable(),
  /** 99th percentile. */
  eventLoopDelayMs: milliseconds.nullable(),
});
export type MetricSample = z.infer<typeof metricSampleSchema>;

/** Answer of GET /api/v1/devices/:id/metrics: the last 24 hours, oldest first, one sample in five minutes at most. */
export const metricsAnswerSchema = z.strictObject({ samples: z.array(metricSampleSchema) });
export type MetricsAnswer = z.infer<typeof metricsAnswerSchema>;
