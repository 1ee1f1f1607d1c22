import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Board } from '@nodeos/contracts/board.ts';
import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { type Wifi, wifiNetworkSchema, wifiSchema } from '@nodeos/contracts/wifi.ts';
import { wifiKey } from '@nodeos/contracts/wifi-key.ts';
import type { Command } from 'commander';
import { type CliIo, isTerminal } from './io.ts';

export interface WifiOptions {
  readonly wifi?: string;
  readonly wifiPassphraseFile?: string;
  readonly wifiOpen?: boolean;
  readonly wifiHidden?: boolean;
  readonly wifiCountry?: string;
}

const VARIABLE = 'NODEOS_WIFI_PASSPHRASE';
/** Names of regions that Unicode has for other uses than ISO 3166-1. */
const NO_COUNTRIES: readonly string[] = ['EU', 'EZ', 'QO', 'UK', 'UN', 'XA', 'XB', 'ZZ'];

/** There is no option for the passphrase itself: others see the arguments of a program, and shells keep them. */
export function withWifi(command: Command): Command {
  return command
    .option('--wifi <ssid>', `WiFi network that the device joins; its passphrase is asked for (or ${VARIABLE})`)
    .option('--wifi-passphrase-file <file>', 'with --wifi: file with the passphrase')
    .option('--wifi-open', 'with --wifi: the network has no passphrase')
    .option('--wifi-hidden', 'with --wifi: the network hides its name')
    .option('--wifi-country <code>', 'with --wifi: country where the device stands, e.g. DE: its rules for radio');
}

/** @throws NodeosError WIFI_UNAVAILABLE */
export function assertHasWifi(board: Pick<Board, 'name' | 'wifi'>): void {
  if (!board.wifi) throw new NodeosError('WIFI_UNAVAILABLE', `the board ${board.name} has no WiFi`);
}

/**
 * The network of the options, with a key in the place of its passphrase; null where none is named. Asks for the
 * passphrase where neither a file nor the environment has it.
 * @throws NodeosError INPUT_INVALID, FILE_UNREADABLE, INTERRUPTED
 */
export async function readWifi(io: CliIo, options: WifiOptions): Promise<Wifi | null> {
  const { wifi: ssid, wifiCountry: country, wifiHidden: hidden, wifiOpen, wifiPassphraseFile: file } = options;
  if (ssid === undefined) {
    if ([country, hidden, wifiOpen, file].every((option) => option === undefined)) return null;
    throw new NodeosError('INPUT_INVALID', 'there are options for a WiFi network that is not named', {
      hint: 'Name the network with --wifi.',
    });
  }
  if (wifiOpen && file !== undefined)
    throw new NodeosError('INPUT_INVALID', 'a network cannot be open and have a passphrase');
  // What is wrong with the rest is said before anybody types a passphrase.
  const wifi = validate(wifiSchema, { country, networks: [{ ssid, hidden }] }, 'the WiFi network');
  if (country !== undefined) assertCountry(country);
  if (wifiOpen) return wifi;
  const check = (psk: string): string => validate(wifiNetworkSchema, { ssid, psk }, 'the WiFi network').psk as string;
  const given = file === undefined ? io.env[VARIABLE] : await readPassphrase(resolve(io.cwd, file));
  const psk = given === undefined ? await ask(io, ssid, check) : check(given);
  return { ...wifi, networks: [{ ssid, psk: wifiKey(ssid, psk), hidden }] };
}

/** The network before those that the file has; one of its name gives way. */
export function addWifi(fleet: FleetFile, wifi: Wifi | null): FleetFile {
  if (wifi === null) return fleet;
  const before = fleet.network?.wifi;
  const others = (before?.networks ?? []).filter(({ ssid }) => wifi.networks.every((network) => network.ssid !== ssid));
  const country = wifi.country ?? before?.country;
  const joined = { ...(country !== undefined && { country }), networks: [...wifi.networks, ...others] };
  return { ...fleet, network: { ...fleet.network, wifi: validate(wifiSchema, joined, 'the fleet file') } };
}

function assertCountry(code: string): void {
  const names = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' });
  if (names.of(code) !== undefined && !NO_COUNTRIES.includes(code)) return;
  throw new NodeosError('INPUT_INVALID', `--wifi-country: ${code} is the code of no country`, {
    hint: 'Name it by the two letters of ISO 3166-1, e.g. DE, GB or US.',
  });
}

/** One line, with or without an end. */
async function readPassphrase(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new NodeosError('FILE_UNREADABLE', `${path} cannot be read: ${cause.message}`, { cause });
  });
  return text.replace(/\r?\n$/, '');
}

/** Asks until there is one that can be a passphrase; nothing of what is typed is shown. */
async function ask(io: CliIo, ssid: string, check: (psk: string) => string): Promise<string> {
  if (io.stdin === undefined || !isTerminal(io.stdin))
    throw new NodeosError('INPUT_INVALID', `nobody is here to say the passphrase of ${ssid}`, {
      hint: `Name a file with --wifi-passphrase-file, set ${VARIABLE}, or say --wifi-open.`,
    });
  for (;;) {
    const typed = await askHidden(io, `Passphrase of ${ssid} (it is not shown): `);
    try {
      return check(typed);
    } catch (error) {
      if (!isNodeosError(error)) throw error;
      io.stderr.write('It must have 8 to 63 ASCII characters, or be a key of 64 hexadecimal digits.\n');
    }
  }
}

async function askHidden(io: CliIo, question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: io.stdin as NodeJS.ReadableStream, output: nowhere, terminal: true });
  const stop = (): void => lines.close();
  io.signal.addEventListener('abort', stop, { once: true });
  io.stderr.write(question);
  try {
    const answer = await new Promise<string | null>((resolve) => {
      lines.once('line', resolve);
      lines.once('SIGINT', () => resolve(null));
      lines.once('close', () => resolve(null));
      if (io.signal.aborted) resolve(null);
    });
    if (answer === null)
      throw new NodeosError('INTERRUPTED', 'no passphrase was given; nothing was written', {
        hint: 'Run the command again when you have the passphrase.',
      });
    return answer;
  } finally {
    io.signal.removeEventListener('abort', stop);
    lines.close();
    io.stderr.write('\n');
  }
}
