import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Command lines of all processes that were started with the marker in their environment, itself or by a parent. */
export function processesOf(marker: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(`NODEOS_TEST_MARKER=${marker}`)) return [];
        return [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()}`];
      } catch {
        return [];
      }
    });
}

/** Files and folders below a folder that a finished build would have removed or renamed. */
export function unfinishedBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name.startsWith('.') && entry.name.endsWith('.tmp'))
    .map((entry) => join(entry.parentPath, entry.name));
}
