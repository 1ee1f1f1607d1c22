import type { Screen } from './console-screen.ts';
import type { Led } from './led.ts';

export interface IdentifyParts {
  /** Null where the board has none. */
  readonly led: Led | null;
  readonly screen: Screen;
  readonly log: (text: string) => void;
  /** Milliseconds; the time of day may be set while the LED blinks. */
  readonly now?: () => number;
}

/**
 * Lets a person find this device among many: its LED blinks, its screen says so, for so many seconds from the call on.
 * Called again it goes on longer, never shorter.
 */
export function createIdentify({
  led,
  screen,
  log,
  now = () => performance.now(),
}: IdentifyParts): (seconds: number) => void {
  let endsAt = 0;
  let timer: NodeJS.Timeout | undefined;
  function end(): void {
    timer = undefined;
    led?.end('identify');
    screen.show({ lookedFor: false });
  }
  return (seconds) => {
    log(`identify: asked for by the operator, for ${seconds} s${led === null ? '; this board has no LED' : ''}`);
    endsAt = Math.max(endsAt, now() + seconds * 1000);
    clearTimeout(timer);
    timer = setTimeout(end, endsAt - now());
    timer.unref();
    led?.start('identify');
    screen.show({ lookedFor: true });
  };
}
