import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname } from 'node:path';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { replaceInMemory } from './atomic-file.ts';
import { backoffDelay } from './backoff.ts';
import { type Lease, parseLease } from './dhcp-lease.ts';
import { eachLine } from './lines.ts';
import { dhcpcdConfig, resolvConf } from './network-config.ts';
import { type Radios, startRadios, type WifiPaths } from './wifi/radios.ts';

const RESTART_BACKOFF = { baseMs: 500, capMs: 30_000 };
/** dhcpcd says what it is about to do; the address and the route are there moments later. */
const SETTLE_STEP_MS = 50;
const SETTLE_STEPS = 60;

export interface NetworkPaths extends WifiPaths {
  readonly dhcpcd: string;
  readonly dhcpcdConfig: string;
  readonly dhcpLeases: string;
  readonly resolvConf: string;
}
export interface Network {
  addresses(): string[];
  /** Time servers that leases name. */
  timeServers(): string[];
  /** Resolves at the first usable address. */
  readonly firstAddress: Promise<void>;
  onChange(listener: () => void): void;
  readonly wifi: Radios;
  /** What was started is not started again when it ends. */
  stop(): void;
}

/**
 * Brings up all interfaces, now and whenever one appears, and keeps resolv.conf. dhcpcd asks on wireless ones as soon as
 * they have joined a network, and gives their routes a higher metric than those of a cable. Returns at once.
 */
export function startNetwork(fleet: FleetFile | null, paths: NetworkPaths, log: (text: string) => void): Network {
  const listeners: (() => void)[] = [];
  let leases: Lease[] = [];
  let known = '|[]';
  let settling: NodeJS.Timeout | null = null;
  let stopped = false;
  let firstAddressSeen: () => void = () => {};
  const firstAddress = new Promise<void>((resolve) => {
    firstAddressSeen = resolve;
  });

  /** Synchronous: a few small files in memory, and two runs of it must not mix. True where an address is new. */
  function refresh(): boolean {
    leases = readLeases(paths.dhcpLeases);
    const current = usableAddresses();
    const signature = `${current.join(' ')}|${JSON.stringify(leases)}`;
    if (signature === known) return false;
    known = signature;
    replaceInMemory(paths.resolvConf, resolvConf(fleet?.network, leases));
    if (current.length > 0) firstAddressSeen();
    log(`network: ${current.join(', ') || 'no address'}`);
    for (const listener of listeners) listener();
    return current.length > 0;
  }

  /** Looks until an address has come after dhcpcd's word, or for three seconds. */
  function settle(stepsLeft = SETTLE_STEPS): void {
    if (settling) clearTimeout(settling);
    settling = null;
    try {
      if (refresh()) return;
    } catch (error) {
      log(`network: ${(error as Error).message}`);
    }
    if (stepsLeft > 0) settling = setTimeout(() => settle(stepsLeft - 1), SETTLE_STEP_MS);
  }

  function run(failures: number): void {
    const startedAt = performance.now();
    const child = startDhcpcd(paths);
    eachLine(child.stderr as NodeJS.ReadableStream, (line) => {
      if (!isChatter(line)) log(`dhcpcd: ${line}`);
      // The kernel tells it of each interface that comes.
      wifi.look();
      settle();
    });
    child.on('error', (error) => log(`dhcpcd: ${error.message}`));
    child.on('close', (code, signal) => {
      if (stopped) return;
      const next = performance.now() - startedAt > 60_000 ? 1 : failures + 1;
      log(`dhcpcd: ended by ${signal ?? `code ${code}`}, started again soon`);
      setTimeout(() => run(next), backoffDelay(next, RESTART_BACKOFF));
    });
  }

  mkdirSync(dirname(paths.dhcpcdConfig), { recursive: true });
  mkdirSync(paths.dhcpLeases, { recursive: true });
  writeFileSync(paths.dhcpcdConfig, dhcpcdConfig(fleet?.network));
  const wifi = startRadios(fleet?.network?.wifi, paths, log);
  run(0);
  return {
    addresses: usableAddresses,
    timeServers: () => leases.flatMap((lease) => lease.timeServers),
    firstAddress,
    onChange: (listener) => void listeners.push(listener),
    wifi,
    stop() {
      stopped = true;
      wifi.stop();
    },
  };
}

/** `/dev/null` as script: there is no shell, and nothing to be run at each event. */
function startDhcpcd(paths: NetworkPaths): ChildProcess {
  const options = ['--nobackground', '--config', paths.dhcpcdConfig, '--script', '/dev/null', '--nodev'];
  return spawn(paths.dhcpcd, options, { stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: '/usr/sbin:/usr/bin' } });
}

function isChatter(line: string): boolean {
  return /starting$|no such user|waiting for carrier|soliciting|offered|adding (default )?route|no interfaces/.test(
    line,
  );
}

/** Global addresses of all interfaces but the loopback, IPv4 first. */
function usableAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const global = all.filter((entry) => !entry.internal && !entry.address.startsWith('fe80:'));
  return global.sort((a, b) => a.family.localeCompare(b.family)).map((entry) => entry.address);
}

/** Leases of interfaces that hold their address now: dhcpcd leaves old files lying about. */
function readLeases(folder: string): Lease[] {
  const held = new Set(usableAddresses());
  const names = readdirSync(folder).filter((name) => name.endsWith('.lease'));
  const leases = names.sort().map((name) => parseLease(readFileSync(`${folder}/${name}`)));
  return leases.filter((lease) => lease !== null).filter((lease) => held.has(lease.address));
}
