import type { ScreenStatus, ScreenshotAnswer } from '@nodeos/contracts/screen.ts';
import { type FrameBufferPaths, isOneColour, paint, readFrame, readGeometry } from './frame-buffer.ts';
import { bindTextConsole } from './text-console.ts';

const LOOK_EVERY_MS = 30_000;
/** A picture may be of one colour for a while on purpose. */
const BLANK_AFTER_MS = 180_000;
/** What is seen until the app has drawn something: dark, and no text. */
const SPLASH = [0x10, 0x20, 0x2c] as const;

export interface KioskOptions {
  readonly paths: FrameBufferPaths & { readonly vtConsoles: string };
  readonly log: (text: string) => void;
  /** The status has changed. */
  readonly onChange: () => void;
  readonly onEvent: (text: string) => void;
  readonly lookEveryMs?: number;
  readonly blankAfterMs?: number;
}

/** The screen of the machine, and the app that has it. */
export interface Kiosk {
  /** Gives the screen to an app, or with null back to the text console; never rejects. */
  give(app: string | null): Promise<void>;
  /** Undefined where no app has the machine. */
  status(): ScreenStatus | undefined;
  screenshot(): Promise<ScreenshotAnswer>;
}

export function createKiosk(options: KioskOptions): Kiosk {
  const { paths, log, lookEveryMs = LOOK_EVERY_MS, blankAfterMs = BLANK_AFTER_MS } = options;
  let owner: string | null = null;
  let timer: NodeJS.Timeout | null = null;
  /** Since when each look has found one colour; told of after a while only. */
  let seenSince: number | null = null;
  let blankSince: number | null = null;

  async function look(): Promise<void> {
    const app = owner;
    const geometry = await readGeometry(paths);
    const isBlank = geometry !== null && (await isOneColour(paths, geometry));
    if (app === null || app !== owner) return;
    const before = blankSince;
    seenSince = isBlank ? (seenSince ?? Date.now()) : null;
    blankSince = seenSince !== null && Date.now() - seenSince >= blankAfterMs ? seenSince : null;
    if (before === blankSince) return;
    options.onEvent(`the screen of ${app} ${blankSince === null ? 'shows something again' : 'is blank'}`);
    options.onChange();
  }

  function watch(on: boolean): void {
    if (timer) clearInterval(timer);
    seenSince = null;
    blankSince = null;
    const lookAndGoOn = () => void look().catch((error: Error) => log(`screen: ${error.message}`));
    timer = on ? setInterval(lookAndGoOn, lookEveryMs).unref() : null;
  }

  return {
    async give(app) {
      owner = app;
      watch(app !== null);
      try {
        const changed = await bindTextConsole(paths.vtConsoles, app === null);
        // Where the console was off already, the screen has the last picture of an app.
        const geometry = changed && app !== null ? await readGeometry(paths) : null;
        if (geometry) await paint(paths, geometry, SPLASH);
      } catch (error) {
        log(`screen: ${(error as Error).message}`);
      }
      options.onChange();
    },
    status: () => (owner === null ? undefined : { kiosk: owner, blankSince }),
    async screenshot() {
      const geometry = await readGeometry(paths);
      if (geometry === null)
        return { state: 'none', reason: 'it has no screen, or one that is neither of 16 nor of 32 bits a pixel' };
      try {
        return { state: 'taken', geometry, frame: (await readFrame(paths, geometry)).toString('base64') };
      } catch (error) {
        return { state: 'none', reason: `its screen cannot be read: ${(error as Error).message}`.slice(0, 1000) };
      }
    },
  };
}
