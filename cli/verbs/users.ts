import { randomBytes } from 'node:crypto';
import { ROLES, roleSchema, type User, userSchema } from '@nodeos/contracts/access.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import type { CliIo } from '../io.ts';
import type { JsonOption } from '../options.ts';
import { formatDate, print, printList } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface AddOptions extends ServerOptions {
  readonly role: string;
  readonly serverAdmin?: boolean;
}
const usersSchema = z.object({ users: z.array(userSchema) });
const ROLE_TEXT = `role: ${ROLES.join(', ')}`;

export const registerUsers: RegisterVerb = (program, io) => {
  const verb = program
    .command('users')
    .description('people who may sign in, and their roles')
    .addHelpText('after', example('nodeos users add ada --role operator', 'nodeos users list'));

  withServer(verb.command('list'))
    .description('list the people of the fleet')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos users list'))
    .action(async (options: ServerOptions & JsonOption) => {
      const { users } = await (await connect(io, options)).get('/users', usersSchema);
      const row = (user: User) => [user.name, user.server ? 'server' : user.role, formatDate(user.createdAt)];
      printList(io, options, users, ['NAME', 'ROLE', 'SINCE'], row, 'No users yet; the operator token is the way in.');
    });

  withServer(verb.command('add'))
    .description('add a user; the password is that of NODEOS_PASSWORD, else one is made and printed')
    .argument('<name>', 'name to sign in with')
    .requiredOption('--role <role>', ROLE_TEXT)
    .option('--server-admin', 'administrator of every fleet of the server')
    .addHelpText('after', example('nodeos users add ada --role operator'))
    .action(async (name: string, options: AddOptions) => {
      const role = validate(roleSchema, options.role, '--role');
      const { password, made } = choosePassword(io);
      const body = { name, password, role, server: options.serverAdmin === true };
      const user = validate(userSchema, await (await connect(io, options)).send('POST', '/users', body), 'the user');
      print(io, `${user.name} is ${user.server ? 'administrator of the server' : user.role}.`);
      if (made) print(io, `password: ${password}`);
    });

  withServer(verb.command('role'))
    .description('change the role of a user in the fleet')
    .argument('<name>', 'name of the user')
    .argument('<role>', ROLE_TEXT)
    .addHelpText('after', example('nodeos users role ada admin'))
    .action(async (name: string, wanted: string, options: ServerOptions) => {
      const role = validate(roleSchema, wanted, 'role');
      await (await connect(io, options)).send('PUT', `/users/${encodeURIComponent(name)}/role`, { role });
      print(io, `${name} is ${role}.`);
    });

  withServer(verb.command('password'))
    .description('give a user another password: that of NODEOS_PASSWORD, else one is made and printed')
    .argument('<name>', 'name of the user')
    .addHelpText('after', example('nodeos users password ada'))
    .action(async (name: string, options: ServerOptions) => {
      const { password, made } = choosePassword(io);
      await (await connect(io, options)).send('PUT', `/users/${encodeURIComponent(name)}/password`, { password });
      print(io, made ? `password: ${password}` : `${name} has another password.`);
    });

  withServer(verb.command('remove'))
    .description('take a user out of the fleet')
    .argument('<name>', 'name of the user')
    .addHelpText('after', example('nodeos users remove ada'))
    .action(async (name: string, options: ServerOptions) => {
      await (await connect(io, options)).send('DELETE', `/users/${encodeURIComponent(name)}`);
      print(io, `${name} is out of the fleet.`);
    });
};

/** Never an option: a password on a command line is seen by everybody on the machine. */
function choosePassword(io: CliIo): { password: string; made: boolean } {
  const given = io.env.NODEOS_PASSWORD;
  return given ? { password: given, made: false } : { password: randomBytes(15).toString('base64url'), made: true };
}
