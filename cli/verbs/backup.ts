import { resolve } from 'node:path';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { formatBytes, print } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface CreateOptions extends ServerOptions {
  readonly out: string;
  readonly blobs?: boolean;
}

export const registerBackup: RegisterVerb = (program, io) => {
  const verb = program
    .command('backup')
    .description('keep a copy of a server, and make a server of a copy')
    .addHelpText(
      'after',
      example('nodeos backup create --out fleet.tar', 'nodeos backup restore fleet.tar --data fleet-2'),
    );

  withServer(verb.command('create'))
    .description('copy the database, keys and signed metadata of a running server; the file holds private keys')
    .requiredOption('--out <file>', 'tar archive to write, for its owner only')
    .option('--blobs', 'the octets of all releases too')
    .addHelpText('after', example('nodeos backup create --out fleet.tar'))
    .action(async (options: CreateOptions) => {
      const client = await connect(io, options);
      const file = resolve(io.cwd, options.out);
      const bytes = await client.download(`/backup?blobs=${options.blobs ? 1 : 0}`, file);
      print(io, `${options.out}: ${formatBytes(bytes)}. It holds the private keys of the server.`);
    });

  verb
    .command('restore')
    .description('make the data folder of a server from a backup; start the server with it afterwards')
    .argument('<file>', 'archive that `nodeos backup create` wrote')
    .requiredOption('--data <folder>', 'folder that is not there yet')
    .addHelpText('after', example('nodeos backup restore fleet.tar --data fleet-2'))
    .action(async (file: string, options: { data: string }) => {
      const { restoreBackup } = await import('@nodeos/ota-server/src/backup/backup.ts');
      const dataDir = resolve(io.cwd, options.data);
      const { at, files, blobs } = await restoreBackup(resolve(io.cwd, file), dataDir);
      print(io, `${options.data} is the server as it was at ${new Date(at).toISOString()}: ${files} files.`);
      if (!blobs)
        print(io, `Copy the folder blobs of the old server into ${options.data}, or publish the releases again.`);
      print(io, `next: nodeos server --data ${options.data}`);
    });
};
