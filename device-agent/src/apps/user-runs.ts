import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Cgroup, openCgroups } from './cgroup.ts';

/** Where the launcher puts a run, beside its user's other runs. */
export interface RunPlace {
  /** Process of another run with the same home; null where there is none. */
  readonly rootOf: number | null;
  /** Null where the kernel has no memory and pids controllers. */
  readonly cgroup: string | null;
}
export interface RunWords {
  readonly name: string;
  readonly home: string;
  readonly memoryMiB: number;
  readonly stdio: StdioOptions;
  readonly arguments: (place: RunPlace) => string[];
}
export interface UserRun {
  readonly child: ChildProcess;
  readonly cgroup: Cgroup | null;
}
export interface UserRuns {
  /** Resolves when the launcher runs. @throws NodeosError APP_START_FAILED */
  start(words: RunWords): Promise<UserRun>;
}

/**
 * Runs the launcher. Each run has limits of its own; runs with one home share the root of the one that began first,
 * whoever they are: an app's process, its next version, an operator's session.
 */
export function openUserRuns(
  paths: { readonly launcher: string; readonly appCgroups: string },
  log: (text: string) => void,
): UserRuns {
  const cgroups = openCgroups(paths.appCgroups, (reason) => log(`apps run without limits: ${reason}`));
  const living = new Map<string, Set<ChildProcess>>();

  function processWithRoot(home: string): number | null {
    const runs = [...(living.get(home) ?? [])];
    // One that was told to end may be gone before its root is taken.
    return (runs.find((run) => !run.killed) ?? runs[0])?.pid ?? null;
  }

  function remember(home: string, child: ChildProcess): void {
    const runs = living.get(home) ?? new Set();
    living.set(home, runs.add(child));
    child.once('exit', () => {
      runs.delete(child);
      if (runs.size === 0 && living.get(home) === runs) living.delete(home);
    });
  }

  return {
    async start({ name, home, memoryMiB, stdio, arguments: argumentsAt }) {
      const cgroup = await cgroups.make(name, memoryMiB);
      const args = argumentsAt({ rootOf: processWithRoot(home), cgroup: cgroup?.path ?? null });
      const child = spawn(paths.launcher, args, { stdio, env: {} });
      if (child.pid !== undefined) remember(home, child);
      try {
        await spawned(child);
      } catch (cause) {
        await cgroup?.remove();
        throw new NodeosError('APP_START_FAILED', `${paths.launcher}: ${(cause as Error).message}`, { cause });
      }
      child.on('error', (error) => log(`${name}: ${error.message}`));
      return { child, cgroup };
    },
  };
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
}
