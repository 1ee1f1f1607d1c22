import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { Wifi, WifiState } from '@nodeos/contracts/wifi.ts';

/** How one radio gets on. */
export interface LinkState {
  readonly state: WifiState;
  /** The network that this is about; null where it is about all of them. */
  readonly ssid: string | null;
}

export const SEARCHING: LinkState = { state: 'searching', ssid: null };

/**
 * What a line of wpa_supplicant changes (its README, section "wpa_cli": the events; they begin with the interface's
 * name). A refusal stands until a network lets the device in: the next attempt alone is no better news.
 */
export function nextState(before: LinkState, line: string, networks: Wifi['networks']): LinkState {
  const event = line.replace(/^[\w.-]+: /, '');
  const named = (id: string | undefined): string | null => networks[Number(id)]?.ssid ?? null;
  const joined = /^CTRL-EVENT-CONNECTED .*\[id=(\d+) id_str=\]?/.exec(event);
  if (joined) return { state: 'joined', ssid: named(joined[1]) };
  const disabled = /^CTRL-EVENT-SSID-TEMP-DISABLED id=(\d+) .* reason=(\w+)$/.exec(event);
  if (disabled) return { state: disabled[2] === 'WRONG_KEY' ? 'wrong-key' : 'refused', ssid: named(disabled[1]) };
  const refused = before.state === 'wrong-key' || before.state === 'refused';
  if (/^CTRL-EVENT-(ASSOC|AUTH)-REJECT /.test(event) && !refused) return { state: 'refused', ssid: null };
  if (/^(SME: )?Trying to (associate|authenticate) with /.test(event) && !refused)
    return { state: 'joining', ssid: networks.length === 1 ? named('0') : null };
  if (/^CTRL-EVENT-DISCONNECTED /.test(event) && before.state === 'joined') return SEARCHING;
  return before;
}

/** What a person can mend; null while there is nothing wrong. */
export function linkFault({ state, ssid }: LinkState, interfaceName: string): NodeosError | null {
  const network = ssid === null ? 'a network' : `the network ${ssid}`;
  switch (state) {
    case 'wrong-key':
      return new NodeosError('WIFI_KEY_WRONG', `${network} has another passphrase than the one in fleet.json`);
    case 'not-found':
      return new NodeosError('WIFI_NOT_FOUND', `${interfaceName} finds no WiFi network of fleet.json`);
    case 'refused':
      return new NodeosError('WIFI_REFUSED', `${network} does not let this device in`);
    case 'failed':
      return new NodeosError('WIFI_FAILED', `WiFi of ${interfaceName} does not work`);
    default:
      return null;
  }
}

const WORDS: Readonly<Record<WifiState, string>> = {
  searching: 'searching',
  joining: 'joining',
  joined: 'joined',
  'wrong-key': 'wrong passphrase for',
  refused: 'not let in by',
  'not-found': 'network not found',
  failed: 'does not work',
};

/** `joined Workshop`, for whoever stands in front of the device. */
export function describeLink({ state, ssid }: LinkState): string {
  return ssid === null ? WORDS[state].replace(/ (for|by)$/, '') : `${WORDS[state]} ${ssid}`;
}
