import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type PeerCertificate, type TLSSocket } from 'node:tls';
import { logBatchSchema, presenceSchema, type ReplMessage, replMessageSchema, topics } from '@nodeos/contracts/mqtt.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { Aedes, type Client, type PublishPacket } from 'aedes';
import { generate, writeToStream } from 'mqtt-packet';
import type * as z from 'zod';
import { limitHandshakes } from '../handshake-limit.ts';
import { SERVER_LIMITS } from '../limits.ts';
import { DEVICE_ID_PATTERN, mayPublish, maySubscribe } from './access.ts';
import type { Broker, BrokerOptions } from './broker.ts';

// Otherwise 65,536 buffers are made and kept, 7 MB, to save making one now and then.
writeToStream.cacheNumbers = false;

/** Return code "not authorised" of MQTT 3.1.1, 3.2.2.3. */
const NOT_AUTHORISED = 5;

/** The broker in this process. */
export async function createAedesBroker(options: BrokerOptions): Promise<Broker> {
  const { listener } = options;
  const clients = new Map<string, Client>();
  const offline = new Set<string>();
  /** Clients that subscribe to what they are told. */
  const told = new WeakSet<Client>();
  const sockets = new Set<TLSSocket>();

  const aedes = new Aedes({
    maxClientsIdLength: 64,
    drainTimeout: 30_000,
    preConnect: (client, packet, done) => {
      const deviceId = certificateName(client);
      const named = deviceId !== '' && packet.clientId === deviceId;
      const own = named && (packet.will === undefined || mayPublish(deviceId, packet.will.topic));
      done(own ? null : new Error(`client ${deviceId} must use its own name and topics`), own);
    },
    authenticate: (client, _user, _password, done) => {
      const refuse = (reason: string): void =>
        done(Object.assign(new Error(reason), { returnCode: NOT_AUTHORISED }), false);
      // Let in above under the name in its certificate only.
      options.mayConnect(client.id).then(
        (may) => (may ? done(null, true) : refuse('device is not active')),
        (error) => refuse(String(error)),
      );
    },
    authorizePublish: (client, packet, done) => {
      // A will that outlived its broker comes without a client.
      const deviceId = client === null ? (packet as { clientId?: string }).clientId : client.id;
      if (deviceId === undefined || !mayPublish(deviceId, packet.topic))
        return done(new Error(`${deviceId} may not publish to ${packet.topic}`));
      if (packet.payload.length > SERVER_LIMITS.mqttPayloadMaxBytes) return done(new Error('payload is too large'));
      // Nobody may subscribe to what devices publish, and each subscription looks through all that is kept.
      packet.retain = false;
      done(null);
    },
    authorizeSubscribe: (client, subscription, done) => {
      done(null, maySubscribe(client.id, subscription.topic) ? subscription : null);
    },
  });
  await aedes.listen();

  aedes.on('clientReady', (client) => {
    clients.set(client.id, client);
    offline.delete(client.id);
    listener.presence(client.id, true);
  });
  aedes.on('clientDisconnect', (client) => {
    if (clients.get(client.id) !== client) return;
    clients.delete(client.id);
    listener.presence(client.id, false);
  });
  aedes.on('subscribe', (subscriptions, client) => {
    if (!subscriptions.some(({ topic, qos }) => topic === topics.tell(client.id) && (qos as number) !== 128)) return;
    told.add(client);
    listener.listening(client.id);
  });
  aedes.on('unsubscribe', (topicNames, client) => {
    if (topicNames.includes(topics.tell(client.id))) told.delete(client);
  });
  aedes.on('publish', (packet, client) => {
    if (client === null || clients.get(client.id) !== client) return;
    const deviceId = client.id;
    const read = <T>(schema: z.ZodType<T>, use: (value: T) => void): void => {
      try {
        use(parseJson(schema, packet.payload.toString(), packet.topic));
      } catch (error) {
        listener.malformed(deviceId, error);
      }
    };
    if (packet.topic === topics.logs(deviceId)) read(logBatchSchema, (batch) => listener.logs(deviceId, batch));
    if (packet.topic === topics.replOut(deviceId))
      read(replMessageSchema, (message) => listener.repl(deviceId, message));
    if (packet.topic === topics.presence(deviceId))
      read(presenceSchema, ({ online }) => {
        if (online) offline.delete(deviceId);
        else offline.add(deviceId);
        listener.presence(deviceId, online);
      });
  });

  const server = createServer(
    { ...options.certificate, ca: options.ca, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.2' },
    (socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      aedes.handle(socket);
    },
  );
  limitHandshakes(server);
  // Port scanners and clients without a certificate end here; there is nothing to do about them.
  server.on('tlsClientError', (_error, socket) => socket.destroy());

  const packetOf = (topic: string, message: unknown, qos: 0 | 1): PublishPacket => {
    const payload = Buffer.from(JSON.stringify(message));
    return { cmd: 'publish', topic, payload, qos, retain: false, dup: false };
  };
  const publish = (topic: string, message: unknown): Promise<void> =>
    new Promise((resolve, reject) =>
      aedes.publish(packetOf(topic, message, 1), (error) => (error ? reject(error) : resolve())),
    );

  const broker: Broker = {
    async listen(host, port) {
      server.listen({ host, port });
      await once(server, 'listening');
      return (server.address() as AddressInfo).port;
    },
    isOnline: (deviceId) => clients.has(deviceId) && !offline.has(deviceId),
    async tell(deviceId, message) {
      const client = clients.get(deviceId);
      if (client === undefined || !told.has(client)) return false;
      const topic = topics.tell(deviceId);
      // Told to many at once, and lost only with the connection: a device that comes back asks. So no answer is asked for,
      // and it goes past the broker, which would take longer for it than the system does.
      if (message.kind === 'desired-changed') return writeTo(client, generate(packetOf(topic, message, 0)));
      await publish(topic, message);
      return true;
    },
    async sendRepl(deviceId, message: ReplMessage) {
      if (!clients.has(deviceId)) return false;
      await publish(topics.replIn(deviceId), message);
      return true;
    },
    async disconnect(deviceId) {
      const client = clients.get(deviceId);
      if (client !== undefined) await new Promise<void>((resolve) => client.close(() => resolve()));
    },
    renewCertificate: (certificate) => server.setSecureContext({ ...certificate, ca: options.ca }),
    async close() {
      const closed = server.listening ? once(server, 'close') : null;
      server.close();
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return broker;
}

/** @returns false where the connection ends, or its device takes nothing any more */
function writeTo({ conn, closed }: Client, octets: Buffer): boolean {
  if (closed || conn.writableNeedDrain) return false;
  conn.write(octets);
  return true;
}

/** CN of the verified client certificate; empty where it is no device id. */
function certificateName(client: Client): string {
  // A connection that is gone already has none, whatever the types say.
  const certificate = (client.conn as TLSSocket).getPeerCertificate() as PeerCertificate | null;
  const name = certificate?.subject?.CN;
  return typeof name === 'string' && DEVICE_ID_PATTERN.test(name) ? name : '';
}
