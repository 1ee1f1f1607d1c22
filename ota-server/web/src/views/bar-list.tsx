import type { Tone } from '../words.ts';

export interface Bar {
  readonly name: string;
  readonly count: number;
  /** Of them, those that are set apart, e.g. because they fail. */
  readonly apart?: number;
  readonly note?: string;
  readonly href: string;
}

/** A chart of counts: each bar is a line of a list, and leads to the devices that it counts. */
export function BarList({
  label,
  bars,
  total,
  tone = 'good',
}: {
  label: string;
  bars: readonly Bar[];
  total: number;
  tone?: Tone;
}) {
  const share = (count: number): number => (total === 0 ? 0 : (100 * count) / total);
  return (
    <ul class={`bars ${tone}`} aria-label={label}>
      {bars.map(({ name, count, apart = 0, note, href }) => (
        <li key={name}>
          <a href={href}>
            <span class="bar-name">
              {name} {note !== undefined && <span class="faint">{note}</span>}
            </span>
            <span class="bar-track" aria-hidden="true">
              <i style={{ width: `${share(count - apart)}%` }} />
              {apart > 0 && <i class="apart" style={{ width: `${share(apart)}%` }} />}
            </span>
            <span class="number">
              {count} <span class="faint">{shareText(share(count))}</span>
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}

/** `43 %`; never 0 % of something, nor 100 % of not all. */
export function shareText(percent: number): string {
  if (percent > 0 && percent < 1) return '<1 %';
  if (percent > 99 && percent < 100) return '>99 %';
  return `${Math.round(percent)} %`;
}
