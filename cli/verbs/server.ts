import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { saveServer } from '../config.ts';
import { collect, readChoice, readWhole } from '../options.ts';
import { print } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';
import { registerBrokerConfig } from './broker-config.ts';

const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

interface ServerVerbOptions {
  readonly data: string;
  readonly store?: string;
  readonly broker?: string;
  readonly deviceBroker?: string;
  readonly host: string;
  readonly port: string;
  readonly deviceHost: string;
  readonly devicePort: string;
  readonly mqttPort: string;
  readonly advertise: string[];
  readonly dashboard: boolean;
  readonly save: boolean;
  readonly logLevel: string;
}

export const registerServer: RegisterVerb = (program, io) => {
  const server = program
    .command('server')
    .description('run the server and its dashboard until Ctrl-C')
    .option('--data <folder>', 'folder for everything the server keeps', 'nodeos-server')
    .option('--store <address>', 'sqlite, or postgres://user@host/database (NODEOS_STORE)')
    .option('--broker <address>', 'embedded, or mqtts://host:port where a broker lets servers in (NODEOS_BROKER)')
    .option('--device-broker <address>', 'mqtts://host:port of that broker for devices (NODEOS_DEVICE_BROKER)')
    .option('--host <address>', 'address of the operator API and the dashboard', '127.0.0.1')
    .option('--port <number>', 'port of the operator API and the dashboard', '8080')
    .option('--device-host <address>', 'address on which devices are served', '0.0.0.0')
    .option('--device-port <number>', 'port of the device API', '8443')
    .option('--mqtt-port <number>', 'port of the broker', '8883')
    .option('--advertise <name>', 'name or address by which devices reach this machine; repeatable', collect, [])
    .option('--no-dashboard', 'serve the API only')
    .option('--log-level <level>', `JSON lines on standard error: ${LOG_LEVELS.join(', ')}`, 'warn')
    .option('--no-save', 'do not make this the server that the other commands talk to')
    .addHelpText(
      'after',
      example(
        'nodeos server --advertise 192.168.1.10',
        'nodeos server --data /srv/nodeos --port 9080 --device-port 9443',
        'nodeos server --data /srv/nodeos --store postgres://nodeos@db.example/nodeos',
      ),
    )
    .action(async (options: ServerVerbOptions) => {
      // The server's packages would triple the start of every other verb.
      const { createServer } = await import('@nodeos/ota-server/src/server.ts');
      const server = await createServer({
        dataDir: resolve(io.cwd, options.data),
        broker: options.broker ?? io.env.NODEOS_BROKER ?? 'embedded',
        deviceBroker: options.deviceBroker ?? io.env.NODEOS_DEVICE_BROKER ?? 'default',
        store: options.store ?? io.env.NODEOS_STORE ?? 'sqlite',
        operator: { host: options.host, port: readWhole(options.port, '--port', 0, 65_535) },
        device: { host: options.deviceHost, port: readWhole(options.devicePort, '--device-port', 0, 65_535) },
        mqtt: { host: options.deviceHost, port: readWhole(options.mqttPort, '--mqtt-port', 0, 65_535) },
        dashboard: options.dashboard,
        logLevel: readChoice(options.logLevel, '--log-level', LOG_LEVELS),
        ...(options.advertise.length > 0 && { advertise: options.advertise }),
      });
      try {
        await server.start().catch(nameOptions);
        const { operator, device, mqtt } = server.addresses;
        const config = { server: operator.url, token: server.operatorToken };
        const saved = options.save ? await saveServer(io.env, config) : null;
        print(io, `${options.dashboard ? 'dashboard' : 'operator '}  ${operator.url}`);
        print(io, `devices    ${device.url}`);
        print(io, `broker     ${mqtt.url}`);
        print(io, `token      in ${join(resolve(io.cwd, options.data), 'operator-token')}`);
        if (saved) print(io, `           and, for the other commands, in ${saved}`);
        print(io, 'Ctrl-C ends it.');
        if (!io.signal.aborted) await once(io.signal, 'abort');
      } finally {
        await server.close();
      }
    });
  registerBrokerConfig(server, io);
};

function nameOptions(error: unknown): never {
  if (!(error instanceof NodeosError) || error.code !== 'PORT_IN_USE') throw error;
  throw new NodeosError('PORT_IN_USE', error.message, {
    hint: 'Stop the program that listens there, or choose another port: --port, --device-port or --mqtt-port.',
    cause: error,
  });
}
