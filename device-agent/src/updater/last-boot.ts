import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** linux/watchdog.h */
const WDIOF_CARDRESET = 0x20;
const RECORD_MAX = 32;

export interface LastBootPaths {
  /** `/sys/class/watchdog` */
  readonly watchdog: string;
  /** `/sys/fs/pstore`, mounted by init. */
  readonly pstore: string;
}

/**
 * Why the last boot ended, as far as hardware and firmware kept it: a kernel's last words, or a reset by the watchdog.
 * One sentence; null where nothing was kept, as after a power cut. What was read is removed: firmware has little room.
 */
export async function lastBootEvidence({ watchdog, pstore }: LastBootPaths): Promise<string | null> {
  const words = await kernelsLastWords(pstore);
  if (words !== null) return `the kernel panicked: ${words}`;
  const init = await initsLastWords(pstore);
  if (init !== null) return `init could not go on: ${init}`;
  return (await resetByWatchdog(watchdog)) ? 'the system hung, and the watchdog reset the machine' : null;
}

/** The line about the panic in a crash record (Documentation/admin-guide/pstore-blk.rst: names begin with `dmesg-`). */
async function kernelsLastWords(folder: string): Promise<string | null> {
  let panic: string | null = null;
  for (const name of (await namesIn(folder)).filter((each) => each.startsWith('dmesg-')).slice(0, RECORD_MAX)) {
    const path = join(folder, name);
    const text = await readFile(path, 'latin1').catch(() => '');
    panic ??= /Kernel panic - not syncing: ([^\n]{1,200})/.exec(text)?.[1] ?? null;
    await rm(path, { force: true }).catch(() => {});
  }
  return panic;
}

/** What init told the kernel's log before it rebooted; the log of a good boot is there, too, and is left. */
async function initsLastWords(folder: string): Promise<string | null> {
  for (const name of (await namesIn(folder)).filter((each) => each.startsWith('console-'))) {
    const text = await readFile(join(folder, name), 'latin1').catch(() => '');
    const words = /init: cannot go on: ([^\n]{1,200})/.exec(text)?.[1];
    if (words !== undefined) return words.trim();
  }
  return null;
}

async function resetByWatchdog(folder: string): Promise<boolean> {
  for (const name of await namesIn(folder)) {
    const status = Number(await readFile(join(folder, name, 'bootstatus'), 'latin1').catch(() => '0'));
    if ((status & WDIOF_CARDRESET) !== 0) return true;
  }
  return false;
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder)
    .then((names) => names.sort())
    .catch(() => []);
}
