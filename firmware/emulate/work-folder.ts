import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PREFIX = 'nodeos-work-';
const open = new Set<string>();
let armed = false;

export interface WorkFolder {
  readonly path: string;
  remove(): void;
}

/**
 * A temporary folder that goes with this process: on remove(), on a normal end, and, where the process was killed,
 * when the next one makes a folder of its own.
 */
export function createWorkFolder(): WorkFolder {
  sweepLeftOvers();
  if (!armed) {
    armed = true;
    process.on('exit', () => {
      for (const path of open) rmSync(path, { recursive: true, force: true });
    });
  }
  const path = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`));
  open.add(path);
  return {
    path,
    remove: () => {
      open.delete(path);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Removes the folders of processes that are no more. */
function sweepLeftOvers(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(PREFIX)) continue;
    const owner = Number.parseInt(name.slice(PREFIX.length), 10);
    if (Number.isNaN(owner) || isAlive(owner)) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // It belongs to another user of this machine, who will remove it.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
