import { constants, openSync, writeSync } from 'node:fs';

/** The screen of a device that has one. */
export interface Display {
  draw(text: string): void;
}

/** The first terminal has the log of this boot, where the kernel has no serial console; Alt-F1 leads back to it. */
const TERMINAL = 2;
/** To the front with it, never dark, no cursor, empty: console_codes(4), "ESC [ 12 ; n ]" and the others. */
const FIRST = `\x1b[12;${TERMINAL}]\x1b[9;0]\x1b[?25l\x1b[0m\x1b[2J`;
/** Errors of the kernel are written over the display; they go again after this long. */
const REDRAW_MS = 60_000;

/**
 * Takes a virtual terminal for the display; null where the kernel has none, as on a board with a serial console only.
 * @param devices folder with `tty2`
 */
export function openDisplay(devices: string): Display | null {
  let fd: number;
  try {
    // Somebody may hold the display's output with Ctrl-S: nothing here waits for that.
    const flags = constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK;
    fd = openSync(`${devices}/tty${TERMINAL}`, flags);
  } catch {
    return null;
  }
  let last = '';
  const write = (text: string): void => {
    try {
      writeSync(fd, text);
    } catch {
      // What was not taken now is drawn the next time.
    }
  };
  write(FIRST);
  setInterval(() => write(last), REDRAW_MS).unref();
  return {
    draw(text) {
      if (text === last) return;
      last = text;
      write(text);
    },
  };
}
