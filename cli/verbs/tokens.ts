import { type ApiToken, apiTokenSchema, newApiTokenSchema, SCOPES, scopeSchema } from '@nodeos/contracts/access.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { collect, endAfterDays, type JsonOption } from '../options.ts';
import { formatAgo, formatDate, print, printJson, printList } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface CreateOptions extends ServerOptions, JsonOption {
  readonly scope: string[];
  readonly days?: string;
}
const tokensSchema = z.object({ tokens: z.array(apiTokenSchema) });

export const registerTokens: RegisterVerb = (program, io) => {
  const verb = program
    .command('tokens')
    .description('API tokens for programs: a few rights, for a time')
    .addHelpText('after', example('nodeos tokens create ci --scope read --scope publish --days 90'));

  withServer(verb.command('create'))
    .description('make a token; it is shown once')
    .argument('<name>', 'what it is for')
    .requiredOption('--scope <right>', `what it may do; repeatable: ${SCOPES.join(', ')}`, collect, [])
    .option('--days <count>', 'days until it ends; default: never')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos tokens create ci --scope read --scope publish --days 90'))
    .action(async (name: string, options: CreateOptions) => {
      const scopes = validate(z.array(scopeSchema).min(1), options.scope, '--scope');
      const body = { name, scopes, expiresAt: endAfterDays(options.days) };
      const made = validate(
        newApiTokenSchema,
        await (await connect(io, options)).send('POST', '/tokens', body),
        'the token',
      );
      if (options.json) printJson(io, made);
      else print(io, made.token);
    });

  withServer(verb.command('list'))
    .description('list the tokens: your own, for administrators all of the fleet')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos tokens list'))
    .action(async (options: ServerOptions & JsonOption) => {
      const { tokens } = await (await connect(io, options)).get('/tokens', tokensSchema);
      const row = (token: ApiToken) => [
        token.id,
        token.name,
        token.user ?? 'operator token',
        token.scopes.join(' '),
        formatDate(token.expiresAt),
        formatAgo(token.lastUsed),
      ];
      printList(io, options, tokens, ['ID', 'NAME', 'OWNER', 'RIGHTS', 'ENDS', 'USED'], row, 'No API tokens yet.');
    });

  withServer(verb.command('revoke'))
    .description('end a token now')
    .argument('<id>', 'id of the token, from the list')
    .addHelpText('after', example('nodeos tokens revoke 3f9c0a1b2c3d4e5f'))
    .action(async (id: string, options: ServerOptions) => {
      await (await connect(io, options)).send('DELETE', `/tokens/${encodeURIComponent(id)}`);
      print(io, `${id} is worth nothing from now on.`);
    });
};
