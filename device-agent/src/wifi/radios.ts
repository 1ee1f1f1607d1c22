import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { Wifi } from '@nodeos/contracts/wifi.ts';
import { supplicantConfig } from './configuration.ts';
import { describeLink, type LinkState, linkFault } from './link-state.ts';
import { type Supplicant, startSupplicant } from './supplicant.ts';

/** A radio's firmware is loaded within seconds; one that has not come by then does not come. */
const RADIO_LIMIT_MS = 30_000;

export interface WifiPaths {
  /** /sys/class/net */
  readonly interfaces: string;
  readonly wpaSupplicant: string;
  /** In RAM: keys of networks stand in it. */
  readonly wpaSupplicantConfig: string;
}
export interface RadioReport extends LinkState {
  readonly name: string;
  readonly mac: string;
}
export interface Radios {
  /** Looks whether an interface has come; to be called when there may be one. */
  look(): void;
  report(): RadioReport[];
  /** For a screen; null where the fleet file names no network. */
  describe(): string | null;
  /** What a person can mend. */
  fault(): NodeosError | null;
  onChange(listener: () => void): void;
  stop(): void;
}

/** Joins the networks of the fleet file on each wireless interface, now and when one comes. Returns at once. */
export function startRadios(wifi: Wifi | undefined, paths: WifiPaths, log: (text: string) => void): Radios {
  const radios = new Map<string, Supplicant>();
  const listeners: (() => void)[] = [];
  let absent = false;
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const states = (): [string, LinkState][] => [...radios].map(([name, radio]) => [name, radio.state()]);

  function look(): void {
    if (wifi === undefined) return;
    for (const name of wirelessInterfaces(paths.interfaces)) {
      if (radios.has(name)) continue;
      absent = false;
      log(`wifi: ${name} looks for ${wifi.networks.map(({ ssid }) => ssid).join(', ')}`);
      const options = { program: paths.wpaSupplicant, config: paths.wpaSupplicantConfig, networks: wifi.networks, log };
      radios.set(name, startSupplicant({ ...options, interfaceName: name, onChange: changed }));
      changed();
    }
  }

  if (wifi !== undefined) writeSecret(paths.wpaSupplicantConfig, supplicantConfig(wifi));
  look();
  const limit = setTimeout(() => {
    absent = wifi !== undefined && radios.size === 0;
    if (absent) changed();
  }, RADIO_LIMIT_MS);
  limit.unref();
  return {
    look,
    report: () => states().map(([name, state]) => ({ name, mac: macOf(`${paths.interfaces}/${name}`), ...state })),
    describe() {
      if (wifi === undefined) return null;
      if (radios.size === 0) return absent ? 'no radio' : 'waiting for the radio';
      return states()
        .map(([name, state]) => (radios.size === 1 ? describeLink(state) : `${name} ${describeLink(state)}`))
        .join(', ');
    },
    fault() {
      if (absent) return new NodeosError('WIFI_FAILED', 'fleet.json names WiFi networks, and this device has no radio');
      // One that is joined is enough.
      if (states().some(([, { state }]) => state === 'joined')) return null;
      return states().map(([name, state]) => linkFault(state, name))[0] ?? null;
    },
    onChange: (listener) => void listeners.push(listener),
    stop() {
      clearTimeout(limit);
      for (const radio of radios.values()) radio.stop();
    },
  };
}

function wirelessInterfaces(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => existsSync(`${folder}/${name}/phy80211`))
    .sort();
}

function macOf(folder: string): string {
  try {
    return readFileSync(`${folder}/address`, 'utf8').trim();
  } catch {
    return '';
  }
}

function writeSecret(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, text, { mode: 0o600 });
  // One of an earlier start of this process keeps its mode.
  chmodSync(path, 0o600);
}
