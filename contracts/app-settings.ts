import * as z from 'zod';
import { environmentSchema, forwardSchema, migrationsSchema, portSchema } from './app-manifest.ts';
import { appNameSchema } from './validate.ts';

/** Kinds of device nodes that an app may ask for. */
export const DEVICE_KINDS = ['gpio', 'i2c', 'spi', 'serial', 'input', 'video', 'display', 'fuse'] as const;

const deviceSchema = z
  .string()
  .regex(
    new RegExp(`^(${DEVICE_KINDS.join('|')}|/dev/[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?)\\??$`),
    `is neither a kind of device (${DEVICE_KINDS.join(', ')}) nor a path below /dev`,
  );

/** `nodeos` in an app's package.json. All of it is optional. The descriptions are what editors show. */
export const appSettingsSchema = z.strictObject({
  start: z
    .array(z.string().min(1))
    .min(1)
    .describe('Command line, without a shell. Default: the start script, else the command of `bin`, else `main`.')
    .optional(),
  env: environmentSchema.describe('Environment variables of the app.').optional(),
  user: appNameSchema
    .describe('User whose home the app has. Default: the name of the app. One app runs as a user at a time.')
    .optional(),
  ports: z
    .array(portSchema)
    .max(16)
    .describe('TCP ports the app listens on; the first is given to it as PORT and is the one that is probed.')
    .optional(),
  web: z
    .boolean()
    .describe(
      'True gives the first port a place at `http://<device>.local/<user>/` and `http://<user>.<device>.local/`. Default: false.',
    )
    .optional(),
  forward: forwardSchema
    .describe('TCP ports that the device opens outside → the port of the app each leads to, e.g. {"80": 8080}.')
    .optional(),
  devices: z
    .array(deviceSchema)
    .max(32)
    .describe(
      `Devices the app is given: ${DEVICE_KINDS.join(', ')}, or a path below /dev. It is not started where one is missing, unless a "?" follows: "gpio?".`,
    )
    .optional(),
  network: z
    .enum(['host', 'none'])
    .describe(
      '`host`: the network of the device; `none`: a network of its own that is joined to no other: only `web` and `forward` lead there. Default: host.',
    )
    .optional(),
  memoryMiB: z
    .number()
    .int()
    .min(16)
    .max(65536)
    .describe('Memory in MiB that the app may use; beyond it, it is ended and started again. Default: 128.')
    .optional(),
  diskMiB: z
    .number()
    .int()
    .min(1)
    .max(2_097_152)
    .describe('MiB of the data partition that the app’s user may fill. Default: a quarter of it, at least 16.')
    .optional(),
  probe: z
    .string()
    .regex(/^\/\S*$/, 'is not a path such as /health')
    .max(256)
    .describe('Path on the first port that answers 2xx while the app is healthy. Default: the port takes connections.')
    .optional(),
  startMs: z
    .number()
    .int()
    .min(1000)
    .max(600_000)
    .describe('Milliseconds after which the app must listen, or be healthy. Default: 30000.')
    .optional(),
  soakMs: z
    .number()
    .int()
    .min(0)
    .max(86_400_000)
    .describe('Milliseconds the app must stay healthy before an update is confirmed. Default: 3000.')
    .optional(),
  swap: z
    .enum(['overlap', 'stop-first'])
    .describe(
      '`overlap`: a new version starts while the old one still serves, and waits to listen; `stop-first`: never two at once. Default: overlap.',
    )
    .optional(),
  stopGraceMs: z
    .number()
    .int()
    .min(0)
    .max(60_000)
    .describe('Milliseconds between SIGTERM and SIGKILL. Default: 3000.')
    .optional(),
  dependsOn: z
    .array(appNameSchema)
    .max(16)
    .describe('Apps of the same device that must run before this one is started.')
    .optional(),
  holdUpdatesMs: z
    .number()
    .int()
    .min(0)
    .max(86_400_000)
    .describe(
      'Milliseconds for which the app may hold back its own updates and those of the system, through @nodeos/app. Default: 0, it may not.',
    )
    .optional(),
  data: z
    .strictObject({
      version: z.number().int().min(1).max(10_000).describe('Version of what the app keeps in its home.'),
      migrations: migrationsSchema
        .describe('For each version from 2 on: `up` makes it from the version before, `down` undoes that.')
        .optional(),
    })
    .describe('Version of the data in the home, and how it is brought from one version to the next and back.')
    .refine(({ version, migrations = {} }) => missingMigration(version, Object.keys(migrations)) === null, {
      error: ({ input }) => {
        const { version, migrations = {} } = input as { version: number; migrations?: object };
        return `has no migration to version ${missingMigration(version, Object.keys(migrations))}, or one too many`;
      },
    })
    .optional(),
  kiosk: z
    .boolean()
    .describe(
      'Gives the whole machine and its screen to this app: no other app runs as long as it is installed. Default: false.',
    )
    .optional(),
});
export type AppSettings = z.infer<typeof appSettingsSchema>;

/** The first version without a migration, or the first migration without a version; null where all is there. */
function missingMigration(version: number, present: readonly string[]): string | null {
  for (let wanted = 2; wanted <= version; wanted++) if (!present.includes(String(wanted))) return String(wanted);
  return present.find((key) => Number(key) < 2 || Number(key) > version) ?? null;
}

/** JSON Schema (draft 7) of a package.json with the field `nodeos`, for editors. */
export function packageJsonSchema(): object {
  const { $schema, ...nodeos } = z.toJSONSchema(appSettingsSchema, { target: 'draft-7', io: 'input' });
  return {
    $schema,
    title: 'package.json of a NodeOS app',
    type: 'object',
    properties: { nodeos: { description: 'How NodeOS runs this package as an app.', ...nodeos } },
  };
}
