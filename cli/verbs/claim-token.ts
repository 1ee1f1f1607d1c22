import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { ClaimTokenRequest, ListedClaimToken } from '@nodeos/contracts/operator-api.ts';
import { createClaimToken, listClaimTokens } from '../claim-tokens.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { collect, endAfterDays, type JsonOption, readWhole } from '../options.ts';
import { formatDate, print, printJson, printList } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface ClaimTokenOptions extends ServerOptions, JsonOption {
  readonly uses?: string;
  readonly days?: string;
  readonly tag: string[];
  readonly autoApprove?: boolean;
  readonly approveBoard: string[];
  readonly approveNetwork: string[];
  readonly approveRegistered?: boolean;
}

export const registerClaimToken: RegisterVerb = (program, io) => {
  const verb = program
    .command('claim-token')
    .description('tokens with which new devices ask to be let in')
    .addHelpText('after', example('nodeos claim-token create --uses 20 --days 7 --tag kiosk'));

  withServer(verb.command('create'))
    .description('make a token')
    .option('--uses <count>', 'devices it may enrol; default: without limit')
    .option('--days <count>', 'days until it ends; default: never')
    .option('--tag <tag>', 'tag of the devices that come with it; repeatable', collect, [])
    .option('--auto-approve', 'devices need no approval by hand')
    .option('--approve-board <board>', 'with --auto-approve: only this board; repeatable', collect, [])
    .option('--approve-network <cidr>', 'with --auto-approve: only from this network; repeatable', collect, [])
    .option('--approve-registered', 'with --auto-approve: only registered serial numbers')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos claim-token create --uses 20 --days 7 --tag kiosk'))
    .action(async (options: ClaimTokenOptions) => {
      const request: ClaimTokenRequest = {
        uses: options.uses === undefined ? null : readWhole(options.uses, '--uses', 1),
        expiresAt: endAfterDays(options.days),
        tags: options.tag,
        autoApprove: options.autoApprove === true,
        ...conditions(options),
      };
      const token = await createClaimToken(await connect(io, options), request);
      if (options.json) printJson(io, token);
      else print(io, token.token);
    });

  withServer(verb.command('revoke'))
    .description('end a token now; devices that came with it stay')
    .argument('<token>', 'the token, or its id from the list')
    .addHelpText('after', example('nodeos claim-token revoke 3f9c0a1b2c3d4e5f'))
    .action(async (wanted: string, options: ServerOptions) => {
      const client = await connect(io, options);
      const found = (await listClaimTokens(client)).find(({ id, token }) => id === wanted || token === wanted);
      if (found === undefined) throw new NodeosError('NOT_FOUND', `there is no claim token ${wanted}`);
      await client.send('DELETE', `/claim-tokens/${found.id}`);
      print(io, `${found.id} is worth nothing from now on.`);
    });

  withServer(verb.command('list'))
    .description('list the tokens')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos claim-token list'))
    .action(async (options: ServerOptions & JsonOption) => {
      const tokens = await listClaimTokens(await connect(io, options));
      const row = (token: ListedClaimToken) => [
        token.id,
        token.token,
        `${token.used}/${token.uses ?? 'any'}`,
        formatDate(token.expiresAt),
        token.autoApprove ? (token.approveOnly ? 'some' : 'yes') : 'no',
        token.tags.join(' ') || '-',
      ];
      const heading = ['ID', 'TOKEN', 'USED', 'ENDS', 'AUTO-APPROVE', 'TAGS'];
      printList(io, options, tokens, heading, row, 'No claim tokens yet.');
    });
};

function conditions(options: ClaimTokenOptions): Pick<ClaimTokenRequest, 'approveOnly'> {
  const { approveBoard: boards, approveNetwork: networks, approveRegistered = false } = options;
  if (boards.length === 0 && networks.length === 0 && !approveRegistered) return {};
  if (options.autoApprove !== true)
    throw new NodeosError(
      'INPUT_INVALID',
      '--approve-board, --approve-network and --approve-registered limit --auto-approve',
      {
        hint: 'Add --auto-approve, or leave them out.',
      },
    );
  return { approveOnly: { boards, networks, registered: approveRegistered } };
}
