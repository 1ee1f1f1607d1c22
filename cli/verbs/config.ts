import { configurationsSchema, configurationValuesSchema } from '@nodeos/contracts/app-configuration.ts';
import {
  type AppConfiguration,
  appConfigurationSchema,
  type ConfigurationChange,
  type ConfigurationPlace,
} from '@nodeos/contracts/configuration-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { Command } from 'commander';
import { z } from 'zod';
import type { ServerClient } from '../client.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { findDevice } from '../device-lookup.ts';
import { print, printJson, printTable } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

const listSchema = z.object({ configurations: z.array(appConfigurationSchema) });
const deviceSchema = z.object({ apps: configurationsSchema });

interface PlaceOptions extends ServerOptions {
  readonly device?: string;
  readonly group?: string;
}
interface ShowOptions extends ServerOptions {
  readonly device?: string;
  readonly json?: boolean;
}

export const registerConfig: RegisterVerb = (program, io) => {
  const config = program.command('config').description('set what apps are configured with, through @nodeos/app');
  const change = async (app: string, options: PlaceOptions, what: Omit<ConfigurationChange, 'to'>): Promise<void> => {
    const client = await connect(io, options);
    const request: ConfigurationChange = { to: await placeOf(client, options), ...what };
    const answer = await client.send('POST', `/configurations/${encodeURIComponent(app)}`, request);
    const { to, values } = validate(appConfigurationSchema, answer, 'the configuration');
    const count = Object.keys(values).length;
    print(io, `${app} has ${count} value(s) for ${describePlace(to)}.`);
  };

  withServer(config.command('list'))
    .description('list what is set and where; with --device what its apps are given of it')
    .option('--device <device>', 'id, name, serial number or beginning of the id')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos config list', 'nodeos config list --device hall'))
    .action(async (options: ShowOptions) => {
      const client = await connect(io, options);
      if (options.device !== undefined) {
        const { id } = await findDevice(client, options.device);
        const { apps } = await client.get(`/devices/${encodeURIComponent(id)}/configuration`, deviceSchema);
        if (options.json) return printJson(io, apps);
        const rows = Object.entries(apps).flatMap(([app, values]) => rowsOf([app], values));
        return printTable(io, ['APP', 'KEY', 'VALUE'], rows, 'Its apps are given nothing.');
      }
      const { configurations } = await client.get('/configurations', listSchema);
      if (options.json) return printJson(io, configurations);
      const rows = configurations.flatMap(({ app, to, values }) => rowsOf([app, describePlace(to)], values));
      printTable(io, ['APP', 'FOR', 'KEY', 'VALUE'], rows, 'Nothing is set.');
    });

  withPlace(config.command('set'))
    .description('set values of an app; running apps are told at once, without a restart')
    .argument('<app>', 'name of the app')
    .argument('<key=value...>', 'values: JSON where it is JSON, else text')
    .addHelpText(
      'after',
      example(
        'nodeos config set porch-light brightness=80 colour=red',
        `nodeos config set porch-light 'hours=["18:00","23:00"]' --group gardens`,
      ),
    )
    .action((app: string, words: string[], options: PlaceOptions) => change(app, options, { set: readValues(words) }));

  withPlace(config.command('unset'))
    .description('take values back')
    .argument('<app>', 'name of the app')
    .argument('<key...>', 'keys')
    .addHelpText('after', example('nodeos config unset porch-light colour --device hall'))
    .action((app: string, unset: string[], options: PlaceOptions) => change(app, options, { unset }));
};

function withPlace(command: Command): Command {
  return withServer(command)
    .option('--device <device>', 'for one device: id, name, serial number or beginning of the id')
    .option('--group <group>', 'for the devices of a group; without either for the fleet');
}

async function placeOf(client: ServerClient, { device, group }: PlaceOptions): Promise<ConfigurationPlace> {
  if (device !== undefined && group !== undefined)
    throw new NodeosError('INPUT_INVALID', 'a value is set for a device or for a group, not for both', {
      hint: 'Run the command once for each.',
    });
  if (device !== undefined) return { device: (await findDevice(client, device)).id };
  return group === undefined ? { fleet: true } : { group };
}

/** @throws NodeosError INPUT_INVALID */
function readValues(words: readonly string[]): z.infer<typeof configurationValuesSchema> {
  const values = words.map((word) => {
    const equals = word.indexOf('=');
    if (equals < 1)
      throw new NodeosError('INPUT_INVALID', `"${word}" is not key=value`, { hint: 'Write e.g. brightness=80.' });
    return [word.slice(0, equals), readValue(word.slice(equals + 1))];
  });
  return validate(configurationValuesSchema, Object.fromEntries(values), 'what is to be set');
}

function readValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function rowsOf(first: readonly string[], values: AppConfiguration['values']): string[][] {
  return Object.entries(values).map(([key, value]) => [...first, key, JSON.stringify(value)]);
}

function describePlace(to: ConfigurationPlace): string {
  if ('device' in to) return `device ${to.device}`;
  return 'group' in to ? `group ${to.group}` : 'the fleet';
}
