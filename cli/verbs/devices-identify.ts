import { connect, type ServerOptions, withServer } from '../connect.ts';
import { findDevice } from '../device-lookup.ts';
import { readWhole } from '../options.ts';
import { print } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

const SECONDS_MAX = 300;

/** @param devices the verb `devices`, of which this is a part */
export const registerIdentify: RegisterVerb = (devices, io) => {
  withServer(devices.command('identify'))
    .description('find a device among many: its LED blinks quickly, its screen says so')
    .argument('<device>', 'id, name, serial number or the beginning of the id')
    .option('--seconds <n>', `for so long, ${SECONDS_MAX} at most`, '30')
    .addHelpText('after', example('nodeos devices identify 3f9c', 'nodeos devices identify lobby-1 --seconds 120'))
    .action(async (wanted: string, options: ServerOptions & { seconds: string }) => {
      const seconds = readWhole(options.seconds, '--seconds', 1, SECONDS_MAX);
      const client = await connect(io, options);
      const { id } = await findDevice(client, wanted);
      await client.send('POST', `/devices/${id}/identify`, { seconds });
      print(io, `${id} identifies itself for ${seconds} s.`);
    });
};
