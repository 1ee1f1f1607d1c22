import { rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type FleetFile, fleetFileSchema } from '@nodeos/contracts/fleet-file.ts';
import { serverInfoSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { createClaimToken } from '../claim-tokens.ts';
import { connect, type ServerOptions, withServer } from '../connect.ts';
import { print } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

interface FleetFileOptions extends ServerOptions {
  readonly out: string;
  readonly claimToken?: string;
  readonly autoApprove?: boolean;
  readonly tag: string[];
  readonly deviceUrl?: string;
  readonly brokerUrl?: string;
  readonly hostname?: string;
}

export const registerFleetFile: RegisterVerb = (program, io) => {
  const verb = program
    .command('fleet-file')
    .description('the file that tells a device where its server is')
    .addHelpText('after', example('nodeos fleet-file create --out fleet.json'));

  withServer(verb.command('create'))
    .description('write a fleet file for this server')
    .option('--out <file>', 'file to write', 'fleet.json')
    .option('--claim-token <token>', 'an existing claim token; else a new one is made')
    .option('--auto-approve', 'with a new claim token: devices need no approval by hand')
    .option(
      '--tag <tag>',
      'with a new claim token: tag of the devices that come with it; repeatable',
      (tag, all: string[]) => [...all, tag],
      [],
    )
    .option('--device-url <url>', 'address of the server as devices see it, e.g. https://10.0.2.2:8443')
    .option('--broker-url <url>', 'address of the broker as devices see it, e.g. mqtts://10.0.2.2:8883')
    .option('--hostname <name>', 'host name of the device')
    .addHelpText('after', example('nodeos fleet-file create --tag kiosk --auto-approve'))
    .action(async (options: FleetFileOptions) => {
      const client = await connect(io, options);
      const info = await client.get('/server', serverInfoSchema);
      const request = { uses: null, expiresAt: null, tags: options.tag, autoApprove: options.autoApprove === true };
      const claimToken = options.claimToken ?? (await createClaimToken(client, request)).token;
      const fleet: FleetFile = {
        server: options.deviceUrl ?? info.deviceUrl,
        broker: options.brokerUrl ?? info.brokerUrl,
        ca: info.ca,
        claimToken,
        ...(options.hostname && { hostname: options.hostname }),
      };
      const path = resolve(io.cwd, options.out);
      await writeWhole(path, `${JSON.stringify(validate(fleetFileSchema, fleet, 'the fleet file'), null, 2)}\n`);
      print(io, `${path} is written: devices will ask ${fleet.server}.`);
      print(io, 'Give it to `nodeos build --fleet`, or copy it to the first partition of a stick.');
    });
};

/** The claim token in it lets devices in, so only its owner may read the file. */
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
