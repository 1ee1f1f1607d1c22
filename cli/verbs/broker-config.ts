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
  readonly ask?: string;
  /** These are options of `nodeos server`. */
  readonly data: string;
  readonly advertise: string[];
  readonly mqttPort: string;
  readonly devicePort: string;
}

/** `nodeos server broker-config`: what a broker of one's own needs to know. */
export function registerBrokerConfig(server: Command, io: CliIo): void {
  server
    .command('broker-config')
    .description('write configuration, access rules and certificates for a broker of your own')
    .argument('<broker>', 'mosquitto or rabbitmq')
    .option('--out <folder>', 'where to write', 'broker')
    .option('--folder <folder>', 'where the broker will find the files, if that is elsewhere')
    .option('--server-port <number>', 'port of Mosquitto for servers; RabbitMQ has one port for all', '8884')
    .option('--ask <url>', 'where RabbitMQ asks who may do what: the devices’ API of a server')
    .addHelpText(
      'after',
      example(
        'nodeos server broker-config mosquitto --data /srv/nodeos --advertise broker.example',
        'nodeos server broker-config mosquitto --advertise broker.example --folder /etc/mosquitto/nodeos',
        'nodeos server broker-config rabbitmq --advertise broker.example --folder /etc/rabbitmq --ask https://fleet.example:8443',
      ),
    )
    .action(async (broker: string, _own: unknown, command: Command) => {
      const options = command.optsWithGlobals<BrokerConfigOptions>();
      if (broker !== 'mosquitto' && broker !== 'rabbitmq')
        throw new NodeosError('INPUT_INVALID', `no configuration for ${broker} is known`, {
          hint: 'Name mosquitto or rabbitmq; docs/operations.md says what any other broker must do.',
        });
      const to = resolve(io.cwd, options.out);
      const names = options.advertise.length > 0 ? options.advertise : ['127.0.0.1', 'localhost'];
      const [devicePort, devicesApi] = [port(options.mqttPort), port(options.devicePort)];
      const questions = askAt(options.ask ?? `https://${names[0]}:${devicesApi}`);
      const serverPort = broker === 'mosquitto' ? port(options.serverPort) : devicePort;
      const { openAuthority } = await import('@nodeos/ota-server/src/authority.ts');
      const brokers = await import('@nodeos/ota-server/src/broker/broker-files.ts');
      const authority = await openAuthority(join(resolve(io.cwd, options.data), 'keys'));
      const place = { folder: options.folder ?? to, names, to };
      const files =
        broker === 'mosquitto'
          ? await brokers.writeMosquittoFiles(authority, { ...place, devicePort, serverPort })
          : await brokers.writeRabbitmqFiles(authority, { ...place, port: devicePort, questions });
      print(io, `${files.map((file) => join(options.out, file)).join('\n')}`);
      print(io, `devices    mqtts://${names[0]}:${devicePort}`);
      print(io, `servers    nodeos server --broker mqtts://${names[0]}:${serverPort} --mqtt-port ${devicePort}`);
      if (broker === 'rabbitmq') print(io, `it asks    ${questions}`);
    });
}

function port(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 65_535) return value;
  throw new NodeosError('INPUT_INVALID', `${text} is not a port`);
}

function askAt(text: string): string {
  const url = URL.parse(text);
  if (url?.protocol === 'https:' && url.pathname === '/' && url.search === '') return url.origin;
  throw new NodeosError('INPUT_INVALID', `--ask: ${text} is not an address like https://fleet.example:8443`);
}
