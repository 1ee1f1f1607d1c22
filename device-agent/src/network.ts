import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { dirname } from 'node:path';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { backoffDelay } from './backoff.ts';
import { type Lease, parseLease } from './dhcp-lease.ts';
import { eachLine } from './lines.ts';
import { dhcpcdConfig, resolvConf } from './network-config.ts';

const RESTART_BACKOFF = { baseMs: 500, capMs: 30_000 };
/** dhcpcd says what it is about to do; the address and the route are there moments later. */
const SETTLE_STEP_MS = 20;
const SETTLE_STEPS = 100;

export interface NetworkPaths {
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
}

/** Brings up all Ethernet interfaces, now and whenever one appears, and keeps resolv.conf. Returns at once. */
export function startNetwork(fleet: FleetFile | null, paths: NetworkPaths, log: (text: string) => void): Network {
  const listeners: (() => void)[] = [];
  let leases: Lease[] = [];
  let known = '';
  let settling = 0;
  let firstAddressSeen: () => void = () => {};
  const firstAddress = new Promise<void>((resolve) => {
    firstAddressSeen = resolve;
  });

  async function refresh(): Promise<boolean> {
    leases = await readLeases(paths.dhcpLeases);
    const current = usableAddresses();
    const signature = `${current.join(' ')}|${JSON.stringify(leases)}`;
    if (signature === known) return false;
    known = signature;
    await writeInPlace(paths.resolvConf, resolvConf(fleet?.network, leases));
    log(`network: ${current.length > 0 ? current.join(', ') : 'no address'}`);
    if (current.length > 0) firstAddressSeen();
    for (const listener of listeners) listener();
    return true;
  }

  /** Looks until something has changed after dhcpcd's word, or for two seconds. */
  async function settle(): Promise<void> {
    const mine = ++settling;
    for (let step = 0; step < SETTLE_STEPS && mine === settling; step++) {
      if (await refresh().catch((error: Error) => log(`network: ${error.message}`))) return;
      await new Promise((resolve) => setTimeout(resolve, SETTLE_STEP_MS));
    }
  }

  function run(failures: number): void {
    const startedAt = performance.now();
    const child = startDhcpcd(paths);
    eachLine(child.stderr as NodeJS.ReadableStream, (line) => {
      if (!isChatter(line)) log(`dhcpcd: ${line}`);
      void settle();
    });
    child.on('error', (error) => log(`dhcpcd: ${error.message}`));
    child.on('close', (code, signal) => {
      const next = performance.now() - startedAt > 60_000 ? 1 : failures + 1;
      log(`dhcpcd: ended by ${signal ?? `code ${code}`}, started again soon`);
      setTimeout(() => run(next), backoffDelay(next, RESTART_BACKOFF));
    });
  }

  // Synchronous: the lease is what a boot waits for longest, so dhcpcd is started before anything else has its turn.
  mkdirSync(dirname(paths.dhcpcdConfig), { recursive: true });
  mkdirSync(paths.dhcpLeases, { recursive: true });
  void writeFile(paths.dhcpcdConfig, dhcpcdConfig(fleet?.network)).then(
    () => run(0),
    (error: Error) => log(`network: ${error.message}`),
  );
  return {
    addresses: usableAddresses,
    timeServers: () => leases.flatMap((lease) => lease.timeServers),
    firstAddress,
    onChange: (listener) => void listeners.push(listener),
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
async function readLeases(folder: string): Promise<Lease[]> {
  const held = new Set(usableAddresses());
  const names = (await readdir(folder)).filter((name) => name.endsWith('.lease')).sort();
  const leases = await Promise.all(names.map(async (name) => parseLease(await readFile(`${folder}/${name}`))));
  return leases.filter((lease) => lease !== null).filter((lease) => held.has(lease.address));
}

async function writeInPlace(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}
