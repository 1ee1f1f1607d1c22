import { dirname, join } from 'node:path';
import type { InitWord } from '@nodeos/contracts/boot-facts.ts';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import type { SlotManifest } from '@nodeos/contracts/slot-manifest.ts';
import type { UpdaterPorts } from '../ports.ts';
import type { Pointer } from '../slots/pointer.ts';
import type { StateStore } from '../state.ts';
import type { TrustPorts } from '../trust/metadata.ts';
import { isMissing } from './disk.ts';
import type { UpdaterOptions } from './options.ts';
import type { StatusBoard } from './status-board.ts';

/** What the parts of the update engine share. */
export interface UpdaterContext {
  readonly ports: UpdaterPorts;
  readonly options: UpdaterOptions;
  readonly store: StateStore;
  readonly board: StatusBoard;
  readonly pointer: Pointer;
  /** Of the running slot. */
  readonly manifest: SlotManifest;
  /** How often the server has answered since this agent started. */
  readonly serverAnswers: () => number;
  /** Says a last word to init; nothing more is begun after it. */
  readonly leave: (word: InitWord) => void;
}

export function trustPorts({ ports, options, manifest }: UpdaterContext): TrustPorts {
  return {
    http: ports.http,
    disk: options.disk,
    stateDir: ports.stateDir,
    slotDir: ports.slotDir,
    runDir: options.runDir,
    now: ports.now,
    buildTimeMs: manifest.buildTime * 1000,
    limits: options.limits,
    log: ports.log,
  };
}

/** Tells the server how things are, but does not wait for it for long. */
export async function tryReport({ ports, options }: UpdaterContext): Promise<void> {
  const over = new AbortController();
  const limit = options.delay(options.limits.tryReportTimeoutMs, over.signal);
  await Promise.race([ports.report().catch(() => {}), limit]);
  over.abort();
}

/** One line about why the last boot ended, written by init or by a trial that gave up. */
export function lastFailurePath(stateDir: string): string {
  return join(dirname(stateDir), 'last-failure');
}

export async function readLastFailure({ ports, options }: UpdaterContext): Promise<string | null> {
  try {
    const text = (await options.disk.readFile(lastFailurePath(ports.stateDir))).toString();
    return text.split('\n', 1)[0]?.trim().slice(0, 500) || null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Every error gets a code; a full disk has its own. */
export function toCodedError(error: unknown): NodeosError {
  if (isNodeosError(error)) {
    const cause = error.cause as NodeJS.ErrnoException | undefined;
    return cause?.code === 'ENOSPC' ? diskFull(cause) : error;
  }
  if ((error as NodeJS.ErrnoException)?.code === 'ENOSPC') return diskFull(error as Error);
  const message = error instanceof Error ? error.message : String(error);
  return new NodeosError('INTERNAL', message, { cause: error });
}

function diskFull(cause: Error): NodeosError {
  return new NodeosError('DISK_FULL', `the data partition is full: ${cause.message}`, { cause });
}
