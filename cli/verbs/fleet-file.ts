import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { type FleetOptions, fleetFileText, makeFleetFile, readServerInfo, withFleet } from '../fleet.ts';
import { print } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';
import { addWifi, readWifi, type WifiOptions, withWifi } from '../wifi.ts';

interface FleetFileOptions extends ServerOptions, FleetOptions, WifiOptions {
  readonly out: string;
}

export const registerFleetFile: RegisterVerb = (program, io) => {
  const verb = program
    .command('fleet-file')
    .description('the file that tells a device where its server is')
    .addHelpText('after', example('nodeos fleet-file create --out fleet.json'));

  withWifi(
    withFleet(
      withServer(verb.command('create'))
        .description('write a fleet file for this server')
        .option('--out <file>', 'file to write', 'fleet.json'),
    ),
  )
    .addHelpText('after', example('nodeos fleet-file create --tag kiosk --auto-approve'))
    .action(async (options: FleetFileOptions) => {
      const wifi = await readWifi(io, options);
      const client = await connect(io, options);
      const fleet = addWifi(await makeFleetFile(client, await readServerInfo(client), options), wifi);
      const path = resolve(io.cwd, options.out);
      await writeWhole(path, fleetFileText(fleet));
      print(io, `${path} is written: devices will ask ${fleet.server}.`);
      print(io, 'Give it to `nodeos build --fleet`, or copy it to the first partition of a stick.');
    });
};

/** The claim token and the keys of WiFi networks in it let others in, so only its owner may read the file. */
async function writeWhole(path: string, text: string): Promise<void> {
  const temporary = join(dirname(path), `.fleet.${process.pid}.tmp`);
  try {
    await writeFile(temporary, text, { mode: 0o600 });
    await rename(temporary, path);
  } catch (cause) {
    throw new NodeosError('FILE_UNREADABLE', `${path} cannot be written: ${(cause as Error).message}`, { cause });
  } finally {
    await rm(temporary, { force: true });
  }
}
