import { fleetSchema } from '@nodeos/contracts/access.ts';
import { z } from 'zod';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import type { JsonOption } from '../options.ts';
import { formatDate, print, printList } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

const fleetsSchema = z.object({ fleets: z.array(fleetSchema) });

export const registerFleets: RegisterVerb = (program, io) => {
  const verb = program
    .command('fleets')
    .description('fleets of one server: each with its own people, devices, keys and releases')
    .addHelpText(
      'after',
      example('nodeos fleets create north --title "North"', 'nodeos devices list --in-fleet north'),
    );

  withServer(verb.command('list'))
    .description('list the fleets that you may see')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos fleets list'))
    .action(async (options: ServerOptions & JsonOption) => {
      const { fleets } = await (await connect(io, options)).get('/fleets', fleetsSchema);
      const row = ({ id, name, createdAt }: (typeof fleets)[number]) => [
        id,
        name,
        createdAt === 0 ? '-' : formatDate(createdAt),
      ];
      printList(io, options, fleets, ['FLEET', 'TITLE', 'SINCE'], row, 'No fleets.');
    });

  withServer(verb.command('create'))
    .description('make a fleet')
    .argument('<name>', 'short name, for --fleet')
    .option('--title <text>', 'what people call it; default: the name')
    .addHelpText('after', example('nodeos fleets create north --title "North"'))
    .action(async (id: string, options: ServerOptions & { title?: string }) => {
      await (await connect(io, options)).send('POST', '/fleets', { id, name: options.title ?? id });
      print(
        io,
        `The fleet ${id} is there. Give people roles in it with: nodeos users add NAME --role ROLE --in-fleet ${id}`,
      );
    });
};
