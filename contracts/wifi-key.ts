import { pbkdf2Sync } from 'node:crypto';
import { isWifiKey } from './wifi.ts';

/** IEEE 802.11i, annex H.4.1: PBKDF2 with HMAC-SHA1, the name as salt. */
const ROUNDS = 4096;
const KEY_BYTES = 32;

/**
 * The key of a WiFi network, as 64 hexadecimal digits: what stands on a card instead of the passphrase, which people
 * use elsewhere too. It opens this one network as the passphrase does.
 * @param psk passphrase or key
 */
export function wifiKey(ssid: string, psk: string): string {
  if (isWifiKey(psk)) return psk.toLowerCase();
  return pbkdf2Sync(psk, Buffer.from(ssid, 'utf8'), ROUNDS, KEY_BYTES, 'sha1').toString('hex');
}
