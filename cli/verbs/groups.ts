import { type Group, type GroupRequest, groupDetailSchema, groupSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { findDevice } from '../device-lookup.ts';
import { collect, type JsonOption } from '../options.ts';
import { print, printJson, printList } from '../output.ts';
import { formatWindow, readWindow } from '../rollout-options.ts';
import { example, type RegisterVerb } from '../verb.ts';

const listSchema = z.object({ groups: z.array(groupSchema) });
interface SetOptions extends ServerOptions {
  readonly query?: string;
  readonly device?: string[];
  readonly window?: string;
}

export const registerGroups: RegisterVerb = (program, io) => {
  const groups = program.command('groups').description('name sets of devices, by a query or one by one');

  withServer(groups.command('list'))
    .description('list the groups')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos groups list'))
    .action(async (options: ServerOptions & JsonOption) => {
      const { groups: found } = await (await connect(io, options)).get('/groups', listSchema);
      const row = ({ name, size, query, devices, window }: Group) => [
        ...[name, String(size), query ?? '-', String(devices.length), window === null ? '-' : formatWindow(window)],
      ];
      printList(io, options, found, ['NAME', 'DEVICES', 'QUERY', 'NAMED', 'WINDOW'], row, 'No groups yet.');
    });

  withServer(groups.command('show'))
    .description('show a group and the devices that belong to it now')
    .argument('<group>', 'name')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos groups show shops'))
    .action(async (name: string, options: ServerOptions & JsonOption) => {
      const client = await connect(io, options);
      const group = await client.get(`/groups/${encodeURIComponent(name)}`, groupDetailSchema);
      if (options.json) return printJson(io, group);
      print(io, `${group.name}: ${group.size} device(s)`);
      if (group.query !== null) print(io, `  query   ${group.query}`);
      if (group.window !== null) print(io, `  window  ${formatWindow(group.window)} in the device's local time`);
      for (const { id, name: device } of group.members) print(io, `  ${id}  ${device}`);
    });

  withServer(groups.command('set'))
    .description('make a group or change it; what is not given is taken away')
    .argument('<group>', 'name')
    .option('--query <query>', 'devices for which this holds, e.g. "tag:kiosk and system < 2.1.0"')
    .option('--device <device>', 'a device that belongs to it in any case; repeatable', collect)
    .option('--window <window>', 'update these devices only then: 02:00-04:00, or sat,sun 22:00-06:00')
    .addHelpText('after', example('nodeos groups set shops --query "tag:shop and not tag:test" --window 02:00-04:00'))
    .action(async (name: string, options: SetOptions) => {
      const client = await connect(io, options);
      const devices: string[] = [];
      for (const wanted of options.device ?? []) devices.push((await findDevice(client, wanted)).id);
      const window = options.window === undefined ? null : readWindow(options.window);
      const request: GroupRequest = { query: options.query ?? null, devices, window };
      const answer = await client.send('PUT', `/groups/${encodeURIComponent(name)}`, request);
      print(io, `Group ${name} has ${validate(groupSchema, answer, 'the group').size} device(s).`);
    });

  withServer(groups.command('remove'))
    .description('remove a group that no deployment goes to')
    .argument('<group>', 'name')
    .addHelpText('after', example('nodeos groups remove shops'))
    .action(async (name: string, options: ServerOptions) => {
      await (await connect(io, options)).send('DELETE', `/groups/${encodeURIComponent(name)}`);
      print(io, `Group ${name} is removed.`);
    });
};
