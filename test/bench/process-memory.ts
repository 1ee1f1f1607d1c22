import { readdirSync, readFileSync } from 'node:fs';

/**
 * Memory of the programs of a name that this process has started, and of their children. Pages that several share count
 * once (Pss of /proc/PID/smaps_rollup, proc(5)). @returns octets, 0 where there is none
 */
export function memoryOf(program: string): number {
  const parents = new Map<number, number>();
  const found: number[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    const status = Number.isInteger(pid) ? read(`/proc/${pid}/status`) : '';
    parents.set(pid, Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1] ?? 0));
    if (/^Name:\s+(\S+)$/m.exec(status)?.[1] === program) found.push(pid);
  }
  const isOurs = (pid: number): boolean => pid === process.pid || (pid > 1 && isOurs(parents.get(pid) ?? 0));
  const octetsOf = (pid: number): number =>
    Number(/^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024;
  return found.filter(isOurs).reduce((sum, pid) => sum + octetsOf(pid), 0);
}

/** Empty where the process is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
