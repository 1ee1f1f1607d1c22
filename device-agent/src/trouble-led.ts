import { readFileSync, writeFileSync } from 'node:fs';

/** Three short flashes and a pause, in milliseconds on and off by turns. */
const PATTERN_MS = [120, 180, 120, 180, 120, 1_200];

/**
 * Lets the board's LED say that a person must come: three short flashes again and again.
 * The board's data names it with the word `nodeos.led=<name>` of the kernel's command line.
 * @param proc folder with `cmdline`
 * @param leds `/sys/class/leds`
 * @returns what ends it; null where the board has no LED
 */
export function startTroubleLed(proc: string, leds: string): (() => void) | null {
  let timer: NodeJS.Timeout | undefined;
  try {
    const name = /(?:^|\s)nodeos\.led=([\w:.-]+)(?:\s|$)/.exec(readFileSync(`${proc}/cmdline`, 'latin1'))?.[1];
    if (name === undefined) return null;
    const set = (file: string, value: string): void => writeFileSync(`${leds}/${name}/${file}`, value);
    // The trigger in use stands in brackets (Linux kernel, Documentation/leds/leds-class.rst).
    const before = /\[([\w:.-]+)\]/.exec(readFileSync(`${leds}/${name}/trigger`, 'latin1'))?.[1] ?? 'none';
    set('trigger', 'none');
    const step = (index: number): void => {
      try {
        set('brightness', index % 2 === 0 ? '255' : '0');
      } catch {
        // An LED that has gone is no reason to end.
      }
      timer = setTimeout(() => step((index + 1) % PATTERN_MS.length), PATTERN_MS[index]);
      timer.unref();
    };
    step(0);
    return () => {
      clearTimeout(timer);
      set('trigger', before);
    };
  } catch {
    clearTimeout(timer);
    return null;
  }
}
