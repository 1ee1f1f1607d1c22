import { resolve } from 'node:path';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { print } from '../output.ts';
import { initKeys, KEY_FILES, uploadRoot } from '../release/key-folder.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface KeyOptions extends ServerOptions {
  readonly dir: string;
}

export const registerKeys: RegisterVerb = (program, io) => {
  const keys = program
    .command('keys')
    .description('the release keys, which stay with you')
    .addHelpText('after', example('nodeos keys init --dir keys'));

  withServer(keys.command('init'))
    .description('make the release keys and tell the server which keys to trust')
    .option('--dir <folder>', 'folder to make', 'keys')
    .addHelpText('after', example('nodeos keys init --dir keys'))
    .action(async (options: KeyOptions) => {
      const dir = resolve(io.cwd, options.dir);
      const root = await initKeys(await connect(io, options), dir);
      print(io, `Release keys are in ${dir}:`);
      print(io, `  ${KEY_FILES.root.padEnd(12)} changes the trusted keys; keep it offline`);
      print(io, `  ${KEY_FILES.targets.padEnd(12)} signs releases; needed by nodeos publish`);
      print(io, `  ${KEY_FILES.metadata.padEnd(12)} public; goes into every image (nodeos build --keys)`);
      print(io, `Trusted until ${root.signed.expires}. Make a copy: without these keys no device takes an update.`);
    });

  withServer(keys.command('upload'))
    .description('hand the root.json of an existing key folder to a server')
    .option('--dir <folder>', 'key folder', 'keys')
    .addHelpText('after', example('nodeos keys upload --dir keys'))
    .action(async (options: KeyOptions) => {
      const root = await uploadRoot(await connect(io, options), resolve(io.cwd, options.dir));
      print(io, `The server trusts root metadata version ${root.signed.version}.`);
    });
};
