import { join } from 'node:path';
import { describeError, isNodeosError } from '@nodeos/contracts/errors.ts';
import * as z from 'zod';
import { backoffDelay } from '../backoff.ts';
import type { UpdaterContext } from './context.ts';
import { isMissing, writeFileAtomically } from './disk.ts';

/**
 * The boot loader counts starts of the pointer's slot, and takes the other slot once three of them did not set the
 * count back.
 */
export interface BootCount {
  /**
   * The slot has booted as far as the agent: what ends this boot early is more likely a hand at the plug than the
   * slot. Not so after a boot that crashed, for an agent that starts again in the same boot, and after
   * `unprovenBootsMax` such boots in a row; then only a healthy boot sets the count back.
   * @param lastBootCrashed somebody has said so: init, the watchdog, a kernel's last words
   */
  agentIsUp(lastBootCrashed: boolean): Promise<void>;
  /** The server has answered, or the time has shown that the system is up. Tried again until the medium takes it; a
   * boot partition that is damaged has no count. */
  healthy(): Promise<void>;
}

/** Boots since the last healthy one that came as far as the agent; the newest of them. */
const unprovenSchema = z.object({ bootId: z.string(), boots: z.int().min(0) });

export const UNPROVEN_BOOTS_FILE = 'unproven-boots';

export function createBootCount({ options, pointer, ports }: UpdaterContext): BootCount {
  const { bootId, disk, limits } = options;
  const path = join(ports.stateDir, UNPROVEN_BOOTS_FILE);
  let turn: Promise<unknown> = Promise.resolve();
  let proven: Promise<void> | null = null;

  /** One after the other: what the one writes, the other removes. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  async function readUnproven(): Promise<z.infer<typeof unprovenSchema> | null> {
    try {
      const known = unprovenSchema.safeParse(JSON.parse((await disk.readFile(path)).toString()));
      return known.success ? known.data : null;
    } catch (error) {
      if (isMissing(error) || error instanceof SyntaxError) return null;
      throw error;
    }
  }

  async function noteAgent(lastBootCrashed: boolean): Promise<void> {
    // Boots that cannot be remembered cannot be counted: the boot loader's count alone is left then.
    if (proven || ports.facts.data === 'ram') return;
    const known = await readUnproven();
    if (known?.bootId === bootId) return;
    const full = limits.unprovenBootsMax + 1;
    const boots = lastBootCrashed ? full : Math.min((known?.boots ?? 0) + 1, full);
    await disk.makeFolder(ports.stateDir);
    await writeFileAtomically(disk, path, JSON.stringify({ bootId, boots }));
    if (boots < full) await pointer.clearAttempts();
  }

  async function noteHealthy(): Promise<void> {
    for (let failures = 1; ; failures++) {
      try {
        await inTurn(async () => {
          await pointer.clearAttempts();
          await disk.remove(path);
        });
        return;
      } catch (error) {
        const damaged = isNodeosError(error) && error.code === 'INPUT_INVALID';
        if (failures === 1) ports.event('error', `the count of boots was not set back: ${describeError(error)}`);
        if (damaged) return;
        const { fetchRetryMinMs: baseMs, fetchRetryMaxMs: capMs } = limits;
        await options.delay(backoffDelay(failures, { baseMs, capMs }, options.random));
      }
    }
  }

  return {
    agentIsUp: (lastBootCrashed) =>
      inTurn(() => noteAgent(lastBootCrashed)).catch((error) => {
        ports.log(`the count of boots was not set back yet: ${describeError(error)}`);
      }),
    healthy() {
      proven ??= noteHealthy();
      return proven;
    },
  };
}
