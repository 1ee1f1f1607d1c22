import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** In RAM where there is such a folder: the fuzzers sync each file that they write. */
const PARENT = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
const made: string[] = [];

/** A folder that is gone when this process ends. */
export function temporaryFolder(): string {
  if (made.length === 0)
    process.once('exit', () => {
      for (const folder of made) rmSync(folder, { recursive: true, force: true });
    });
  const folder = mkdtempSync(join(PARENT, 'nodeos-fuzz-'));
  made.push(folder);
  return folder;
}
