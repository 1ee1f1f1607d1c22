import { type ChildProcess, spawn } from 'node:child_process';
import type { Wifi } from '@nodeos/contracts/wifi.ts';
import { backoffDelay } from '../backoff.ts';
import { eachLine } from '../lines.ts';
import { type LinkState, nextState, SEARCHING } from './link-state.ts';

const RESTART_BACKOFF = { baseMs: 1_000, capMs: 60_000 };
/** A program that ran this long has worked: what ends it then is no sign of a broken radio. */
const WORKED_MS = 60_000;
const FAILURES_OF_A_BROKEN_RADIO = 3;
/** Several rounds over all channels; the program says nothing of a round in vain. */
const SEARCH_LIMIT_MS = 30_000;

export interface SupplicantOptions {
  readonly program: string;
  readonly interfaceName: string;
  /** File of supplicantConfig. */
  readonly config: string;
  readonly networks: Wifi['networks'];
  readonly log: (text: string) => void;
  readonly onChange: () => void;
  readonly searchLimitMs?: number;
}
export interface Supplicant {
  state(): LinkState;
  /** Ends the program; it is not started again. */
  stop(): void;
}

/** Keeps wpa_supplicant running for one interface, and follows what it says. */
export function startSupplicant(options: SupplicantOptions): Supplicant {
  const { interfaceName, networks, log } = options;
  let current: LinkState = SEARCHING;
  let searching: NodeJS.Timeout | null = null;
  let waiting: NodeJS.Timeout | null = null;
  let child: ChildProcess | null = null;
  let stopped = false;

  function become(next: LinkState): void {
    if (next.state === current.state && next.ssid === current.ssid) return;
    current = next;
    watchSearch();
    options.onChange();
  }
  function watchSearch(): void {
    if (searching) clearTimeout(searching);
    searching = null;
    if (current.state !== 'searching' || stopped) return;
    const limit = options.searchLimitMs ?? SEARCH_LIMIT_MS;
    searching = setTimeout(() => become({ state: 'not-found', ssid: null }), limit);
  }

  function run(failures: number): void {
    const startedAt = performance.now();
    child = start(options);
    eachLine(child.stdout as NodeJS.ReadableStream, (line) => {
      if (isTold(line)) log(`wifi: ${line}`);
      become(nextState(current, line, networks));
    });
    child.on('error', (error) => log(`wifi: ${interfaceName}: ${error.message}`));
    child.on('close', (code, signal) => {
      child = null;
      if (stopped) return;
      const next = performance.now() - startedAt > WORKED_MS ? 1 : failures + 1;
      become(next >= FAILURES_OF_A_BROKEN_RADIO ? { state: 'failed', ssid: null } : SEARCHING);
      log(`wifi: wpa_supplicant of ${interfaceName} ended by ${signal ?? `code ${code}`}, started again soon`);
      waiting = setTimeout(() => run(next), backoffDelay(next, RESTART_BACKOFF));
    });
  }

  watchSearch();
  run(0);
  return {
    state: () => current,
    stop() {
      stopped = true;
      if (searching) clearTimeout(searching);
      if (waiting) clearTimeout(waiting);
      child?.kill();
    },
  };
}

function start({ program, interfaceName, config }: SupplicantOptions): ChildProcess {
  const args = ['-D', 'nl80211', '-i', interfaceName, '-c', config];
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'], env: { PATH: '/usr/sbin:/usr/bin' } });
}

/** A line about the configuration could repeat a key of it. */
function isTold(line: string): boolean {
  return line !== '' && !/psk|passphrase|CTRL-EVENT-(SCAN|REGDOM|SUBNET|BEACON|SIGNAL)/i.test(line);
}
