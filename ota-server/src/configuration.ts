import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { validate } from '@nodeos/contracts/validate.ts';
import type { Logger } from 'pino';
import * as z from 'zod';

const hostNamePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;
const nameOrAddress = z
  .string()
  .max(253)
  .refine((value) => isIP(value) !== 0 || hostNamePattern.test(value), 'is neither a host name nor an IP address');

const listenSchema = z.strictObject({
  host: nameOrAddress.default('127.0.0.1'),
  /** 0 takes any free port. */
  port: z.number().int().min(0).max(65535),
});

const BROKER_SCHEMES = ['mqtts:'];
const POSTGRES_SCHEMES = ['postgres:', 'postgresql:'];

/** Addresses stand in process lists and logs: a secret in one is refused. */
function addressOf(schemes: readonly string[], word: string) {
  return (text: string, context: z.RefinementCtx): void => {
    if (text === word) return;
    const url = URL.parse(text);
    if (url === null || !schemes.includes(url.protocol))
      context.addIssue({
        code: 'custom',
        message: `is neither ${word} nor an address that begins with ${schemes[0]}//`,
      });
    else if (url.password !== '' || url.searchParams.has('password'))
      context.addIssue({ code: 'custom', message: 'must not hold a password: give it by a file or the environment' });
  };
}

const configurationSchema = z.strictObject({
  dataDir: z.string().min(1),
  operator: listenSchema.default({ host: '127.0.0.1', port: 8080 }),
  device: listenSchema.default({ host: '127.0.0.1', port: 8443 }),
  mqtt: listenSchema.default({ host: '127.0.0.1', port: 8883 }),
  advertise: z.array(nameOrAddress).min(1).max(64).default(['127.0.0.1', 'localhost']),
  /** `sqlite` for a file in the data folder, or the address of a PostgreSQL database. */
  store: z.string().max(1024).superRefine(addressOf(POSTGRES_SCHEMES, 'sqlite')).default('sqlite'),
  /** `embedded`, or the address `mqtts://host:port` where a broker lets servers in. */
  broker: z.string().max(1024).superRefine(addressOf(BROKER_SCHEMES, 'embedded')).default('embedded'),
  /** Address of that broker for devices. */
  deviceBroker: z.string().max(1024).superRefine(addressOf(BROKER_SCHEMES, 'default')).default('default'),
  /** False leaves the dashboard out, e.g. for tests of the API. */
  dashboard: z.boolean().default(true),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('warn'),
});

/** Where the server keeps its data and listens; loopback unless told otherwise. */
export type ServerConfiguration = Readonly<z.infer<typeof configurationSchema>>;
export type ServerOptions = z.input<typeof configurationSchema> & {
  /** Default: JSON lines of `logLevel` and above to stderr. */
  readonly log?: Logger | undefined;
};

/** Checks the options once and freezes them; @throws NodeosError INPUT_INVALID */
export function readConfiguration(options: ServerOptions): ServerConfiguration {
  const { log: _log, ...plain } = options;
  const parsed = validate(
    configurationSchema as z.ZodType<z.infer<typeof configurationSchema>>,
    plain,
    'server options',
  );
  return Object.freeze({ ...parsed, dataDir: resolve(parsed.dataDir) });
}

/** Host part of a URL; IPv6 addresses stand in brackets. */
export function urlHost(nameOrIp: string): string {
  return isIP(nameOrIp) === 6 ? `[${nameOrIp}]` : nameOrIp;
}
