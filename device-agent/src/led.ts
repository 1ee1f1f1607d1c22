import { readFileSync, writeFileSync } from 'node:fs';

/** Milliseconds on and off by turns. The first that is wanted shows. */
const PATTERNS_MS = {
  /** Quick, without a pause: who looks over many devices must see it at once. */
  identify: [100, 100],
  /** A person must come: three short flashes and a pause. */
  trouble: [120, 180, 120, 180, 120, 1_200],
} as const;
export type LedPattern = keyof typeof PATTERNS_MS;
const PATTERNS = Object.keys(PATTERNS_MS) as LedPattern[];

/** The board's LED. Of the patterns that have begun and not ended it shows one, else what it shows by itself. */
export interface Led {
  start(pattern: LedPattern): void;
  end(pattern: LedPattern): void;
}

/**
 * The board's data names it with the word `nodeos.led=<name>` of the kernel's command line.
 * @param proc folder with `cmdline`
 * @param leds `/sys/class/leds`
 * @returns null where the board has no LED
 */
export function openLed(proc: string, leds: string): Led | null {
  const folder = findLed(proc, leds);
  if (folder === null) return null;
  const wanted = new Set<LedPattern>();
  let shown: LedPattern | null = null;
  let before: { readonly trigger: string; readonly brightness: string } | null = null;
  let timer: NodeJS.Timeout | undefined;

  const read = (file: string): string => {
    try {
      return readFileSync(`${folder}/${file}`, 'latin1');
    } catch {
      return '';
    }
  };
  const set = (file: string, value: string): void => {
    try {
      writeFileSync(`${folder}/${file}`, value);
    } catch {
      // An LED that has gone is no reason to end.
    }
  };
  const step = (pattern: readonly number[], index: number): void => {
    set('brightness', index % 2 === 0 ? '255' : '0');
    timer = setTimeout(() => step(pattern, (index + 1) % pattern.length), pattern[index]);
    timer.unref();
  };
  function update(): void {
    const next = PATTERNS.find((pattern) => wanted.has(pattern)) ?? null;
    if (next === shown) return;
    clearTimeout(timer);
    shown = next;
    if (next === null) {
      set('trigger', before?.trigger ?? 'none');
      // With a trigger, this would take it away again.
      if (before?.trigger === 'none') set('brightness', before.brightness);
      before = null;
      return;
    }
    if (before === null) {
      before = { trigger: triggerOf(read('trigger')), brightness: read('brightness').trim() || '0' };
      set('trigger', 'none');
    }
    step(PATTERNS_MS[next], 0);
  }
  return {
    start(pattern) {
      wanted.add(pattern);
      update();
    },
    end(pattern) {
      wanted.delete(pattern);
      update();
    },
  };
}

function findLed(proc: string, leds: string): string | null {
  try {
    const name = /(?:^|\s)nodeos\.led=([\w:.-]+)(?:\s|$)/.exec(readFileSync(`${proc}/cmdline`, 'latin1'))?.[1];
    if (name === undefined) return null;
    readFileSync(`${leds}/${name}/trigger`);
    return `${leds}/${name}`;
  } catch {
    return null;
  }
}

/** The one in use stands in brackets (Linux kernel, Documentation/leds/leds-class.rst). */
function triggerOf(text: string): string {
  return /\[([\w:.-]+)\]/.exec(text)?.[1] ?? 'none';
}
