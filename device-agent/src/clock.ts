import { X509Certificate } from 'node:crypto';
import { writeFileAtomic } from './atomic-file.ts';
import { backoffDelay } from './backoff.ts';
import { clockFloor, readTrustedTime, trustedTimeFile } from './clock-floor.ts';
import type { NativeCalls } from './ports.ts';
import { askTime } from './sntp.ts';

const SNTP_BACKOFF = { baseMs: 2_000, capMs: 900_000 };
const SNTP_INTERVAL_MS = 6 * 3_600_000;
const STORE_INTERVAL_MS = 3_600_000;
/** HTTP's Date has whole seconds and its own delay; smaller differences are left alone. */
const DATE_TOLERANCE_MS = 5_000;
const STEP_TOLERANCE_MS = 500;

export interface ClockOptions {
  readonly native: Pick<NativeCalls, 'setClock'>;
  /** Folder that keeps the last trusted time. */
  readonly stateDir: string;
  /** Milliseconds since 1970. */
  readonly buildTimeMs: number;
  /** PEM from the fleet file: this moment is not before the authority's certificate was made. */
  readonly ca: string | null;
  /** When the newest signed metadata was valid, milliseconds since 1970; null where there was none. */
  readonly metadataTimeMs?: number | null;
  readonly log: (text: string) => void;
  readonly now?: () => number;
}

/** Keeps the clock at or above everything that is known to lie in the past, and sets it by better sources. */
export interface Clock {
  /** Milliseconds since 1970 below which the clock never is. */
  readonly floorMs: number;
  /** Takes the Date header of an answer that came over verified TLS; SNTP is the better source once it has answered. */
  takeHttpDate(date: string): void;
  /** Takes the time of a server whose certificate is right but for its dates. */
  takeUndatedTime(time: number): void;
  /** Asks time servers now and from time to time; silence is no fault. */
  startSntp(servers: () => readonly string[]): void;
}

/**
 * Raises the clock to its floor, now that the fleet file is known too. The time that was kept at the last shutdown is no
 * part of the floor: a clock that ran years ahead once must find back.
 */
export function startClock(options: ClockOptions): Clock {
  const { native, log, now = Date.now } = options;
  const floorMs = clockFloor([options.buildTimeMs, options.metadataTimeMs ?? null, notBefore(options.ca)]);
  let sntpAnswered = false;
  let storedAt = 0;

  function step(time: number, source: string): void {
    if (time < floorMs) {
      log(`clock: ${source} is behind what is known to be past, ignored`);
      return;
    }
    const from = now();
    try {
      native.setClock(time);
    } catch (error) {
      log(`clock: cannot be set: ${(error as Error).message}`);
      return;
    }
    const seconds = ((time - from) / 1000).toFixed(1);
    if (Math.abs(time - from) >= 1000) log(`clock: ${new Date(time).toISOString()} by ${source}, ${seconds} s off`);
  }

  async function store(): Promise<void> {
    if (performance.now() - storedAt < STORE_INTERVAL_MS && storedAt !== 0) return;
    storedAt = performance.now();
    await writeFileAtomic(trustedTimeFile(options.stateDir), String(Math.round(now()))).catch((error: Error) =>
      log(`clock: time not stored: ${error.message}`),
    );
  }

  async function sntpLoop(servers: () => readonly string[], failures: number): Promise<void> {
    const time = await firstAnswer(servers());
    if (time !== null && time >= floorMs) {
      sntpAnswered = true;
      if (Math.abs(time - now()) > STEP_TOLERANCE_MS) step(time, 'SNTP');
      await store();
    }
    const waitMs = time === null ? backoffDelay(failures + 1, SNTP_BACKOFF) : SNTP_INTERVAL_MS;
    setTimeout(() => void sntpLoop(servers, time === null ? failures + 1 : 0), waitMs).unref();
  }

  const lastKnown = clockFloor([floorMs, readTrustedTime(options.stateDir)]);
  if (now() < lastKnown) step(lastKnown, 'the latest moment known to be past');
  return {
    floorMs,
    takeHttpDate(date) {
      const time = Date.parse(date);
      if (sntpAnswered || !Number.isFinite(time)) return;
      if (Math.abs(time - now()) > DATE_TOLERANCE_MS) step(time, 'the server');
      if (time >= floorMs) void store();
    },
    takeUndatedTime(time) {
      if (time >= floorMs) step(time, 'the server, whose certificate does not fit the clock');
    },
    startSntp: (servers) => void sntpLoop(servers, 0),
  };
}

async function firstAnswer(servers: readonly string[]): Promise<number | null> {
  for (const server of servers) {
    try {
      return await askTime(server);
    } catch {
      // The next server, or the next round, may answer.
    }
  }
  return null;
}

function notBefore(ca: string | null): number | null {
  try {
    return ca === null ? null : Date.parse(new X509Certificate(ca).validFrom);
  } catch {
    return null;
  }
}
