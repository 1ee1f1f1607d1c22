import { resolve } from 'node:path';
import { channelSchema } from '@nodeos/contracts/release.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import type { JsonOption } from '../options.ts';
import { print, printJson } from '../output.ts';
import { moveToChannel } from '../release/publish.ts';
import { chooseRelease, listReleases } from '../releases.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface PromoteOptions extends ServerOptions, JsonOption {
  readonly keys: string;
  readonly channel?: string;
}

export const registerPromote: RegisterVerb = (program, io) => {
  withServer(program.command('promote'))
    .description('sign a published release for all devices, or for another channel')
    .argument('<release>', 'name@version, or its target')
    .option('--keys <folder>', 'folder with the release key', 'keys')
    .option('--channel <name>', 'for devices with the tag of this name; default: for all')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos promote hello@1.1.0', 'nodeos promote hello@1.1.0 --channel preview'))
    .action(async (wanted: string, options: PromoteOptions) => {
      const channel = options.channel === undefined ? null : validate(channelSchema, options.channel, '--channel');
      const client = await connect(io, options);
      const { target } = chooseRelease(await listReleases(client), wanted);
      const changed = await moveToChannel(client, target, channel, resolve(io.cwd, options.keys));
      if (options.json) return printJson(io, { target, channel, changed });
      const whom = channel === null ? 'for all devices' : `of the channel ${channel}`;
      print(io, changed ? `${target} is ${whom} now.` : `${target} was ${whom} already.`);
    });
};
