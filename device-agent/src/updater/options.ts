import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import { delay } from '../backoff.ts';
import { partitionStart } from '../slots/slot.ts';
import { type Disk, systemDisk } from './disk.ts';
import { lastBootEvidence } from './last-boot.ts';

type Numbers<T> = { readonly [Name in keyof T]: number };

/** The engine's edges to the machine; tests put others in their place. */
export interface UpdaterOptions {
  readonly disk: Disk;
  readonly limits: Numbers<typeof DEVICE_LIMITS>;
  /** A folder in RAM. */
  readonly runDir: string;
  /** What native addons must be built for. */
  readonly abi: string;
  /** Random for each boot. */
  readonly bootId: string;
  /** Byte offset of the boot partition on its disk. */
  readonly partitionStart: (partition: string) => number;
  readonly memory: () => { readonly availableKiB: number; readonly agentRssKiB: number };
  /** Milliseconds of a clock that never jumps. */
  readonly monotonicMs: () => number;
  readonly delay: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
  readonly random: () => number;
  /** What hardware and firmware know about the end of the last boot. */
  readonly lastBoot: () => Promise<string | null>;
}

export function defaultOptions(): UpdaterOptions {
  return {
    disk: systemDisk,
    limits: DEVICE_LIMITS,
    runDir: existsSync('/run/nodeos') ? '/run/nodeos' : tmpdir(),
    abi: deviceAbi(process.arch, process.config.variables),
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
    partitionStart,
    memory: readMemory,
    monotonicMs: () => performance.now(),
    delay,
    random: Math.random,
    lastBoot: () => lastBootEvidence({ watchdog: '/sys/class/watchdog', pstore: '/sys/fs/pstore' }),
  };
}

/**
 * The name that contracts/board.ts gives the board's ABI: 32-bit ARM has two, told apart by what Node was built for.
 * @param variables of process.config
 */
export function deviceAbi(arch: string, variables: object): string {
  if (arch !== 'arm') return `linux-${arch}-glibc`;
  const hard = 'arm_float_abi' in variables && variables.arm_float_abi === 'hard';
  return `linux-${hard ? 'armhf' : 'armel'}-glibc`;
}

function readMemory(): { availableKiB: number; agentRssKiB: number } {
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'latin1'));
  return { availableKiB: Number(available?.[1] ?? 0), agentRssKiB: Math.round(process.memoryUsage.rss() / 1024) };
}
