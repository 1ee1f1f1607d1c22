import type { MetricSample } from '@nodeos/contracts/metrics.ts';
import { api } from '../api.ts';
import { useLoad } from '../use-load.ts';
import { mebibytes, timeText } from '../words.ts';

const DAY_MS = 86_400_000;
/** A longer time without a sample is a gap: the device was off, or out of reach. */
const GAP_MS = 15 * 60_000;
const [WIDTH, HEIGHT, MARGIN] = [220, 40, 3];

interface Series {
  readonly name: string;
  readonly of: (sample: MetricSample) => number | null;
  readonly text: (value: number) => string;
  /** Values from zero on are drawn from zero: how much it is shows, not only how much it changes. */
  readonly fromZero: boolean;
}

const milliseconds = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
const SERIES: readonly Series[] = [
  { name: 'Load', of: ({ load }) => load, text: (value) => value.toFixed(2), fromZero: true },
  {
    name: 'Temperature',
    of: ({ temperature }) => temperature,
    text: (value) => `${value.toFixed(1)} °C`,
    fromZero: false,
  },
  { name: 'Memory available', of: (sample) => sample.memoryAvailableKiB, text: mebibytes, fromZero: true },
  { name: 'Disk free', of: (sample) => sample.storageFreeKiB, text: mebibytes, fromZero: true },
  { name: 'Event-loop delay', of: (sample) => sample.eventLoopDelayMs, text: milliseconds, fromZero: true },
];

/** How the device got on in the last 24 hours. */
export function DeviceMetrics({ id, revision }: { id: string; revision: unknown }) {
  const { value: samples } = useLoad(() => api.metrics(id), [id, revision]);
  if (samples === null) return null;
  return (
    <section aria-labelledby="panel-metrics">
      <h3 id="panel-metrics">Last 24 hours</h3>
      {samples.length === 0 ? (
        <p class="faint">Nothing yet: a sample is kept every five minutes.</p>
      ) : (
        <ul class="metrics">
          {SERIES.map((series) => (
            <Sparkline key={series.name} series={series} samples={samples} />
          ))}
        </ul>
      )}
    </section>
  );
}

function Sparkline({ series, samples }: { series: Series; samples: readonly MetricSample[] }) {
  const { name, of, text, fromZero } = series;
  const points = samples.flatMap((sample) => {
    const value = of(sample);
    return value === null ? [] : [{ at: sample.at, value }];
  });
  const newest = points.at(-1);
  if (newest === undefined) return null;
  const values = points.map(({ value }) => value);
  const [lowest, highest] = [Math.min(...values), Math.max(...values)];
  const bottom = fromZero ? Math.min(0, lowest) : lowest;
  const end = Math.max(Date.now(), newest.at);
  const x = (at: number): number => Math.max(0, (1 - (end - at) / DAY_MS) * WIDTH);
  // What never changes is a line in the middle.
  const share = (value: number): number => (highest === bottom ? 0.5 : (value - bottom) / (highest - bottom));
  const y = (value: number): number => HEIGHT - MARGIN - share(value) * (HEIGHT - 2 * MARGIN);
  const runs = withoutGaps(points).map((run) =>
    run.map(({ at, value }) => `${x(at).toFixed(1)} ${y(value).toFixed(1)}`),
  );
  return (
    <li>
      <span class="metric-name">{name}</span>
      <strong class="number" title={timeText(newest.at)}>
        {text(newest.value)}
      </strong>
      <svg
        class="sparkline"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`${name} in the last 24 hours: lowest ${text(lowest)}, highest ${text(highest)}, newest ${text(newest.value)}`}
      >
        {runs.map((run) => (
          <g key={run[0]}>
            <path class="area" d={`M${run.join('L')}V${HEIGHT}H${(run[0] as string).split(' ')[0]}Z`} />
            {/* One sample alone is a dot: a line to itself with round ends. */}
            <path class="line" d={`M${run.join('L')}${run.length === 1 ? `L${run[0]}` : ''}`} />
          </g>
        ))}
      </svg>
      <span class="faint number" aria-hidden="true">
        {text(lowest)} – {text(highest)}
      </span>
    </li>
  );
}

function withoutGaps<T extends { readonly at: number }>(points: readonly T[]): T[][] {
  const runs: T[][] = [];
  for (const point of points) {
    const run = runs.at(-1);
    if (run === undefined || point.at - (run.at(-1) as T).at > GAP_MS) runs.push([point]);
    else run.push(point);
  }
  return runs;
}
