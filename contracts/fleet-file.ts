import * as z from 'zod';
import { wifiSchema } from './wifi.ts';

/**
 * `fleet.json` on the first partition: the only per-site file. It holds no secret of a device, but two of its site: the
 * claim token and the keys of WiFi networks.
 */
export const fleetFileSchema = z.strictObject({
  /** Base URL of the device API, e.g. `https://fleet.example:8443`. */
  server: z.url({ protocol: /^https$/ }),
  /** MQTT over TLS, e.g. `mqtts://fleet.example:8883`. */
  broker: z.url({ protocol: /^mqtts$/ }),
  /** PEM certificates of the authority that signed the server's certificate. */
  ca: z.string().startsWith('-----BEGIN CERTIFICATE-----').max(16_384),
  claimToken: z.string().min(8).max(128),
  hostname: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)
    .optional(),
  /** Where the device stands, e.g. `Europe/Berlin`: maintenance windows are meant in its local time. */
  timeZone: z
    .string()
    .regex(/^[A-Za-z0-9_+/-]{1,64}$/)
    .optional(),
  /** Certificate chain and key (PEM) with which the device serves its apps over HTTPS. They are the site's, not a device's. */
  web: z
    .strictObject({
      certificate: z.string().startsWith('-----BEGIN CERTIFICATE-----').max(16_384),
      key: z
        .string()
        .regex(/^-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/, 'is not a private key in PEM')
        .max(8_192),
    })
    .optional(),
  /** Lets `nodeos dev` run unsigned files on this device; without it, nothing that the server says does. */
  development: z.boolean().optional(),
  network: z
    .strictObject({
      /** Interface → static address; all other interfaces use DHCP. */
      static: z
        .record(
          z.string(),
          z.strictObject({ address: z.cidrv4(), gateway: z.ipv4().optional(), dns: z.array(z.ipv4()).optional() }),
        )
        .optional(),
      wifi: wifiSchema.optional(),
      timeServers: z.array(z.string()).max(4).optional(),
      /** HTTP proxy on the way to the server and its broker: `http://[user:password@]host[:port]`. */
      proxy: z.url({ protocol: /^http$/ }).optional(),
    })
    .optional(),
});
export type FleetFile = z.infer<typeof fleetFileSchema>;
