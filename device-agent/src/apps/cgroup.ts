import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

const PIDS_MAX = 256;

export interface Cgroup {
  readonly path: string;
  /** True where the kernel killed a process of it for lack of memory. */
  ranOutOfMemory(): Promise<boolean>;
  remove(): Promise<void>;
}
export interface Cgroups {
  /** A fresh group for one start of an app; null where the kernel cannot limit. */
  make(app: string, memoryMiB: number): Promise<Cgroup | null>;
}

/**
 * Limits apps by cgroup v2, one group a start: `<root>/<app>/<number>`.
 * @param root folder below the cgroup2 mount
 * @param onUnavailable told where limits do not work
 */
export function openCgroups(root: string, onUnavailable: (reason: string) => void): Cgroups {
  let number = 0;
  const available = prepare(root).then(
    () => true,
    (error: Error) => {
      onUnavailable(error.message);
      return false;
    },
  );

  async function make(app: string, memoryMiB: number): Promise<Cgroup | null> {
    if (!(await available)) return null;
    try {
      await delegate(`${root}/${app}`);
      const path = `${root}/${app}/${process.pid}.${++number}`;
      await mkdir(path);
      await writeFile(`${path}/memory.max`, String(memoryMiB * 1024 * 1024));
      await writeFile(`${path}/pids.max`, String(PIDS_MAX));
      // Neither is in every kernel; without swap and with single processes they change nothing.
      await writeFile(`${path}/memory.swap.max`, '0').catch(() => {});
      await writeFile(`${path}/memory.oom.group`, '1').catch(() => {});
      return open(path);
    } catch (error) {
      onUnavailable(`${app}: ${(error as Error).message}`);
      return null;
    }
  }
  return { make };
}

function open(path: string): Cgroup {
  return {
    path,
    async ranOutOfMemory() {
      const events = await readFile(`${path}/memory.events`, 'utf8').catch(() => '');
      return Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? 0) > 0;
    },
    // Busy while a process of it has yet to be reaped; an empty group left behind costs next to nothing.
    remove: () => rmdir(path).catch(() => {}),
  };
}

async function prepare(root: string): Promise<void> {
  await control(dirname(root));
  await delegate(root);
  await removeLeftOver(root);
}

/** Groups of an agent that ended without a word in this boot; init has ended their processes. */
async function removeLeftOver(root: string): Promise<void> {
  for (const app of await readdir(root, { withFileTypes: true })) {
    if (!app.isDirectory()) continue;
    for (const group of await readdir(`${root}/${app.name}`, { withFileTypes: true }))
      if (group.isDirectory()) await rmdir(`${root}/${app.name}/${group.name}`).catch(() => {});
  }
}

async function delegate(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await control(path);
}

/** The processor is shared evenly between groups beside one another, and between all apps and the system. */
async function control(path: string): Promise<void> {
  await writeFile(`${path}/cgroup.subtree_control`, '+memory +pids');
  // Not in every kernel; without it each process counts the same.
  await writeFile(`${path}/cgroup.subtree_control`, '+cpu', { flag: 'r+' }).catch(() => {});
}
