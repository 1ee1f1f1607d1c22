import { join, resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { Command } from 'commander';
import type { CliIo } from '../io.ts';
import { print } from '../output.ts';
import { example } from '../verb.ts';

interface BrokerConfigOptions {
  readonly out: string;
  readonly folder?: string;
  readonly serverPort: string;
  /** These are options of `nodeos server`. */
  readonly data: string;
  readonly advertise: string[];
  readonly mqttPort: string;
}

/** `nodeos server broker-config`: what a broker of one's own needs to know. */
export function registerBrokerConfig(server: Command, io: CliIo): void {
  server
    .command('broker-config')
    .description('write configuration, access rules and certificates for a broker of your own')
    .argument('<broker>', 'mosquitto')
    .option('--out <folder>', 'where to write', 'broker')
    .option('--folder <folder>', 'where the broker will find the files, if that is elsewhere')
    .option('--server-port <number>', 'port of the broker for servers', '8884')
    .addHelpText(
      'after',
      example(
        'nodeos server broker-config mosquitto --data /srv/nodeos --advertise broker.example',
        'nodeos server broker-config mosquitto --advertise broker.example --folder /etc/mosquitto/nodeos',
      ),
    )
    .action(async (broker: string, _own: unknown, command: Command) => {
      const options = command.optsWithGlobals<BrokerConfigOptions>();
      if (broker !== 'mosquitto')
        throw new NodeosError('INPUT_INVALID', `no configuration for ${broker} is known`, {
          hint: 'Name mosquitto; docs/operations.md says what any other broker must do.',
        });
      const to = resolve(io.cwd, options.out);
      const { openAuthority } = await import('@nodeos/ota-server/src/authority.ts');
      const { writeMosquittoFiles } = await import('@nodeos/ota-server/src/broker/broker-files.ts');
      const authority = await openAuthority(join(resolve(io.cwd, options.data), 'keys'));
      const names = options.advertise.length > 0 ? options.advertise : ['127.0.0.1', 'localhost'];
      const folder = options.folder ?? to;
      const [devicePort, serverPort] = [port(options.mqttPort), port(options.serverPort)];
      const files = await writeMosquittoFiles(authority, { folder, devicePort, serverPort, names, to });
      print(io, `${files.map((file) => join(options.out, file)).join('\n')}`);
      print(io, `devices    mqtts://${names[0]}:${devicePort}`);
      print(io, `servers    nodeos server --broker mqtts://${names[0]}:${serverPort} --mqtt-port ${devicePort}`);
    });
}

function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  throw new NodeosError('INPUT_INVALID', `${text} is not a port`);
}
