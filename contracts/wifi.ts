import * as z from 'zod';

/** IEEE 802.11: a name of at most 32 bytes. */
const SSID_MAX_BYTES = 32;
/** Most that a network's key may be, in the hexadecimal digits of 256 bits (IEEE 802.11i, annex H.4.1). */
const KEY_PATTERN = /^[0-9A-Fa-f]{64}$/;
const PASSPHRASE_PATTERN = /^[ -~]{8,63}$/;

/** ISO 3166-1 alpha-2; which channels and powers are allowed differs between countries. */
export const countrySchema = z.string().regex(/^[A-Z]{2}$/, 'is no country code of two capital letters such as DE');

export const wifiNetworkSchema = z.strictObject({
  /** Name of the network. */
  ssid: z
    .string()
    .min(1)
    .refine((ssid) => new TextEncoder().encode(ssid).length <= SSID_MAX_BYTES, 'is longer than 32 bytes'),
  /** Passphrase, or what it makes of itself and the name (wifi-key.ts); absent: a network that is open to all. */
  psk: z
    .string()
    .refine(
      (psk) => KEY_PATTERN.test(psk) || PASSPHRASE_PATTERN.test(psk),
      'is neither a passphrase of 8 to 63 ASCII characters nor a key of 64 hexadecimal digits',
    )
    .optional(),
  /** The network does not say its name by itself: it must be asked for. */
  hidden: z.boolean().optional(),
});
export type WifiNetwork = z.infer<typeof wifiNetworkSchema>;

/** The WiFi networks of a site, the preferred one first. */
export const wifiSchema = z.strictObject({
  country: countrySchema.optional(),
  networks: z.array(wifiNetworkSchema).min(1).max(16),
});
export type Wifi = z.infer<typeof wifiSchema>;

/** True for a key, which is used as it is; false for a passphrase. */
export function isWifiKey(psk: string): boolean {
  return KEY_PATTERN.test(psk);
}

/**
 * How a device gets on with its WiFi networks. `refused`: the network does not let it in, `wrong-key`: its key is not
 * the network's, `not-found`: none of the networks is in reach, `failed`: the radio or its program does not work.
 */
export const wifiStateSchema = z.enum([
  'searching',
  'joining',
  'joined',
  'wrong-key',
  'refused',
  'not-found',
  'failed',
]);
export type WifiState = z.infer<typeof wifiStateSchema>;
