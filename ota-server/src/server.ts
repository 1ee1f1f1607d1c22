import { mkdir } from 'node:fs/promises';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describeError, NodeosError } from '@nodeos/contracts/errors.ts';
import type { Tell } from '@nodeos/contracts/mqtt.ts';
import type { FastifyInstance } from 'fastify';
import { type Logger, pino } from 'pino';
import packageJson from '../package.json' with { type: 'json' };
import { Endings } from './access/endings.ts';
import { Principals } from './access/principals.ts';
import { openAccessTokens } from './access-tokens.ts';
import { openAuthority } from './authority.ts';
import { openFileBlobs } from './blobs/file-blobs.ts';
import { createAedesBroker } from './broker/aedes-broker.ts';
import { openBrokerEvents } from './broker-events.ts';
import { readConfiguration, type ServerConfiguration, type ServerOptions, urlHost } from './configuration.ts';
import type { Addresses, ServerContext } from './context.ts';
import { DeviceConnections } from './devices/connections.ts';
import { Door } from './door.ts';
import { Drain } from './drain.ts';
import { Fleets } from './fleets.ts';
import { SERVER_LIMITS } from './limits.ts';
import { LogHub } from './live/log-hub.ts';
import { ReplSessions } from './live/repl-sessions.ts';
import { Screenshots } from './live/screenshots.ts';
import { Metrics } from './metrics.ts';
import { buildDeviceApp } from './routes/device/app.ts';
import { buildOperatorApp } from './routes/operator/app.ts';
import { releaseAfterBursts } from './spare-memory.ts';
import type { NodeListener } from './store/node-bus.ts';
import { openSqliteStore } from './store/sqlite/store.ts';
import type { ServerStore } from './store/store.ts';
import { openOnlineKeys } from './tuf/online-keys.ts';
import { buildWeb } from './web-build.ts';

export interface NodeosServer {
  /** Listens on all three ports, or on none. @throws NodeosError PORT_IN_USE, INPUT_INVALID */
  start(): Promise<void>;
  /** Says that it is not ready, lets open requests end, ends connections, closes the database. May be called twice. */
  close(): Promise<void>;
  /** The real ports. @throws NodeosError INTERNAL before `start` */
  readonly addresses: Addresses;
  readonly operatorToken: string;
  /** Sends a message to a device; false where it is not connected. */
  tell(deviceId: string, message: Tell): Promise<boolean>;
  /** The operator's surface, for `inject`. */
  readonly app: FastifyInstance;
  /** The devices' surface, for `inject`. */
  readonly deviceApp: FastifyInstance;
}

/**
 * Puts the server together: opens (or makes) the data folder, keys and token. Nothing listens yet.
 * @throws NodeosError INPUT_INVALID for options, CONFLICT where another server uses the folder
 */
export async function createServer(options: ServerOptions): Promise<NodeosServer> {
  const configuration = readConfiguration(options);
  const log =
    options.log ??
    pino({ level: configuration.logLevel, name: 'nodeos-server' }, pino.destination({ dest: 2, sync: true }));
  const webFolder = configuration.dashboard ? await buildWeb() : null;
  await mkdir(configuration.dataDir, { recursive: true, mode: 0o700 });
  const store = await openStore(configuration);
  try {
    return await assemble(configuration, log, store, webFolder);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openStore({ dataDir, store, broker }: ServerConfiguration): Promise<ServerStore> {
  if (store === 'sqlite') return openSqliteStore(join(dataDir, 'server.sqlite'));
  // Loaded where it is used: a server with nothing but its folder starts without it.
  const { openPostgresStore } = await import('./store/postgres/store.ts');
  // A device is connected to one embedded broker: another server could not reach it.
  return openPostgresStore(store, broker === 'embedded');
}

async function assemble(
  configuration: ServerConfiguration,
  log: Logger,
  store: ServerStore,
  webFolder: string | null,
): Promise<NodeosServer> {
  const { dataDir } = configuration;
  const blobs = await openFileBlobs(join(dataDir, 'blobs'), SERVER_LIMITS.blobMaxBytes, store.shared);
  const names = [...new Set([...configuration.advertise, '127.0.0.1', '::1', 'localhost'])];
  const external = configuration.broker !== 'embedded';
  const secrets = await store.exclusively('keys', () => openSecrets(dataDir, store, names, external));
  const { keys, authority, access, brokerClient } = secrets;
  let { certificate } = secrets;

  let listening: Addresses | null = null;
  const addresses = (): Addresses => {
    if (listening === null) throw new NodeosError('INTERNAL', 'the server does not listen yet');
    return listening;
  };
  const mayConnect = (id: string): Promise<boolean> => fleets.mayConnect(id);
  const brokerEvents = openBrokerEvents(() => context);
  const { listener } = brokerEvents;
  const broker =
    brokerClient !== null
      ? (await import('./broker/mqtt-broker.ts')).createMqttBroker({
          ...{ url: configuration.broker, ca: authority.certificate, client: brokerClient },
          ...{ mayConnect, listener, activeDevices: () => fleets.activeDevices() },
        })
      : await createAedesBroker({ certificate, ca: authority.certificate, mayConnect, listener });
  const onFault = (error: unknown): void => log.error({ err: error }, 'a step of a rollout');
  const { bus } = store;
  const connections = new DeviceConnections((device) => bus.send({ kind: 'cut', device }));
  const door = new Door(SERVER_LIMITS.doorShutMs);
  const endings = new Endings((key) => bus.send({ kind: 'end', key }));
  const fleets = new Fleets({ dataDir, store, blobs, keys, authority, broker, connections, door, onFault });
  bus.listen(busListener({ fleets, endings, connections, onFault }));
  await fleets.all();
  const context: ServerContext = {
    configuration,
    version: packageJson.version,
    log,
    store,
    authority,
    keys,
    access,
    principals: new Principals(access, store),
    endings,
    broker,
    fleets,
    connections,
    door,
    metrics: new Metrics(),
    drain: new Drain(),
    logs: new LogHub(broker, store.shared),
    repl: new ReplSessions(broker),
    screenshots: new Screenshots(broker),
    addresses,
  };
  const app = buildOperatorApp(context, webFolder);
  const deviceApp = buildDeviceApp(context, certificate);

  const refreshMetadata = async (): Promise<void> => {
    for (const { id, repository } of await fleets.all())
      await repository
        .refresh()
        .catch((error) => log.error(`metadata of fleet ${id} was not signed anew: ${describeError(error)}`));
  };
  const renewCertificate = async (): Promise<void> => {
    const next = await store.exclusively('keys', () => authority.serverCertificate(names));
    if (next.cert === certificate.cert) return;
    certificate = next;
    broker.renewCertificate(next);
    (deviceApp.server as unknown as Server).setSecureContext({ ...next, ca: authority.certificate });
  };
  const timers: NodeJS.Timeout[] = [];

  const closeAll = async (): Promise<void> => {
    for (const timer of timers) clearInterval(timer);
    context.screenshots.closeAll();
    await context.drain.run(SERVER_LIMITS.drainMaxMs);
    context.repl.closeAll();
    await fleets.close();
    await Promise.all([app.close(), deviceApp.close(), broker.close()]);
    await brokerEvents.settled();
    await store.close();
  };
  let closing: Promise<void> | null = null;
  const close = (): Promise<void> => {
    closing ??= closeAll();
    return closing;
  };

  return {
    async start() {
      const { operator, device, mqtt, advertise } = configuration;
      try {
        const operatorPort = await listen('operator API', operator, () => listenApp(app, operator));
        const devicePort = await listen('device API', device, () => listenApp(deviceApp, device));
        const mqttPort = await listen('MQTT', mqtt, () => broker.listen(mqtt.host, mqtt.port));
        const advertised = urlHost(advertise[0] as string);
        listening = Object.freeze({
          operator: {
            host: operator.host,
            port: operatorPort,
            url: `http://${urlHost(operator.host)}:${operatorPort}`,
          },
          device: { host: device.host, port: devicePort, url: `https://${advertised}:${devicePort}` },
          mqtt: external
            ? externalBroker(configuration)
            : { host: mqtt.host, port: mqttPort, url: `mqtts://${advertised}:${mqttPort}` },
        });
      } catch (error) {
        await close();
        throw error;
      }
      timers.push(setInterval(() => void refreshMetadata(), SERVER_LIMITS.metadataCheckIntervalMs).unref());
      const renew = (): void =>
        void renewCertificate().catch((error) => log.error(`certificate was not renewed: ${describeError(error)}`));
      timers.push(setInterval(renew, SERVER_LIMITS.certificateCheckIntervalMs).unref());
      timers.push(releaseAfterBursts());
      if (store.shared)
        timers.push(setInterval(() => void fleets.sweep().catch(onFault), SERVER_LIMITS.sweepIntervalMs).unref());
      await refreshMetadata();
    },
    close,
    get addresses() {
      return addresses();
    },
    operatorToken: access.operatorToken,
    tell: (deviceId, message) => broker.tell(deviceId, message),
    app,
    deviceApp,
  };
}

/** What is made once, however many servers start on the same data at once. */
async function openSecrets(dataDir: string, store: ServerStore, names: readonly string[], external: boolean) {
  const authority = await openAuthority(join(dataDir, 'keys'));
  return {
    authority,
    keys: await openOnlineKeys(join(dataDir, 'keys')),
    certificate: await authority.serverCertificate(names),
    access: await openAccessTokens(join(dataDir, 'operator-token'), store),
    brokerClient: external ? await authority.brokerClient() : null,
  };
}

/** What other servers say is heard here as if it had happened here. */
function busListener({
  fleets,
  endings,
  connections,
  onFault,
}: Pick<ServerContext, 'fleets' | 'endings' | 'connections'> & { onFault: (error: unknown) => void }): NodeListener {
  return {
    receive(message) {
      if (message.kind === 'end') endings.receive(message.key);
      else if (message.kind === 'cut') connections.receiveCut(message.device);
      else fleets.receive(message).catch(onFault);
    },
    missed() {
      endings.receiveAll();
      connections.cutAll();
      fleets.receive(null).catch(onFault);
    },
  };
}

/** Where devices find the broker: on the host where servers find it, unless they are told otherwise. */
function externalBroker({ broker, deviceBroker, mqtt }: ServerConfiguration): Addresses['mqtt'] {
  const { hostname, port } = new URL(deviceBroker === 'default' ? broker : deviceBroker);
  const devicePort = deviceBroker === 'default' ? mqtt.port : Number(port || mqtt.port);
  return { host: hostname, port: devicePort, url: `mqtts://${hostname}:${devicePort}` };
}

async function listenApp(app: FastifyInstance, { host, port }: { host: string; port: number }): Promise<number> {
  // Through Fastify: only a server that it has opened has its open streams ended at close.
  await app.listen({ host, port });
  return (app.server.address() as AddressInfo).port;
}

async function listen(
  what: string,
  address: { host: string; port: number },
  start: () => Promise<number>,
): Promise<number> {
  try {
    return await start();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const where = `${urlHost(address.host)}:${address.port}`;
    if (code === 'EADDRINUSE')
      throw new NodeosError('PORT_IN_USE', `${where} (${what}) is in use by another program`, { cause: error });
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new NodeosError('INPUT_INVALID', `${where} (${what}) cannot be listened on: ${(error as Error).message}`, {
        hint: 'Choose an address of this machine, and a port above 1023 unless the server runs as root.',
        cause: error,
      });
    throw error;
  }
}
