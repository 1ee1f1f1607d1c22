import { resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { createBuildContext } from '../build-context.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { developmentTree } from '../dev/bundle.ts';
import { developOn } from '../dev/develop.ts';
import { findDevice } from '../device-lookup.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface DevOptions extends ServerOptions {
  readonly device: string;
}

export const registerDev: RegisterVerb = (program, io) => {
  withServer(program.command('dev'))
    .description('run an app on a device while you work on it: each change is there at once; Ctrl-C ends it')
    .argument('[folder]', 'folder with a package.json', '.')
    .requiredOption('--device <device>', 'id, name, serial number or the beginning of the id')
    .addHelpText(
      'after',
      `
The device must allow it: \`"development": true\` in its fleet.json. Nothing is deployed; when it ends, or the connection
breaks for a minute, or the device restarts, the device runs what it ran before.
${example('nodeos dev my-kiosk --device 3f9c')}`,
    )
    .action(async (wanted: string, options: DevOptions) => {
      const folder = resolve(io.cwd, wanted);
      const client = await connect({ ...io, signal: new AbortController().signal }, options);
      const device = await findDevice(client, options.device);
      if (!device.online) throw new NodeosError('DEVICE_OFFLINE', `${device.id} is not online`);
      const { context, end } = createBuildContext(io);
      try {
        const board = await loadBoard(device.board);
        const bundle = (scratch: string) => developmentTree(context, folder, board, scratch);
        await developOn({ io, client, device, folder, bundle });
      } finally {
        end();
      }
    });
};
