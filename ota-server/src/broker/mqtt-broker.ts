import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { logBatchSchema, presenceSchema, replMessageSchema, topics } from '@nodeos/contracts/mqtt.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { connect, type IClientOptions, type IPublishPacket } from 'mqtt';
import type * as z from 'zod';
import type { KeyAndCertificate } from '../authority.ts';
import { Backlog } from '../backlog.ts';
import { SERVER_LIMITS } from '../limits.ts';
import { DEVICE_ID_PATTERN } from './access.ts';
import type { Broker, BrokerOptions } from './broker.ts';

export interface MqttBrokerOptions extends Pick<BrokerOptions, 'mayConnect' | 'listener'> {
  /** `mqtts://host:port` where the broker lets servers in. */
  readonly url: string;
  /** PEM of the authorities that may have signed the broker's certificate. */
  readonly ca: string;
  /** By which the broker knows a server. */
  readonly client: KeyAndCertificate;
  /** Ids of the devices that may connect. */
  readonly activeDevices: () => Promise<readonly string[]>;
}

const CONNECT_LIMIT_MS = 10_000;
const RECONNECT_MS = 1_000;
/** After it a message counts as not delivered. */
const PUBLISH_LIMIT_MS = 10_000;
const PUBLISHED_IN_A_TURN = 500;
/** Certificates that do not fit do not come to fit by waiting. */
const FINAL_CODES = /^(ERR_SSL|ERR_TLS|CERT_|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO)/;
/** Devices whose presence is asked for in one packet. */
const ASKED_AT_ONCE = 100;
/** A device that was there before this server has done nothing. */
type Arrival = 'was here' | 'comes' | 'comes again';
/** The library's own log asks for each packet several times whether anybody wants it. */
const noLog = (): void => undefined;
const SUBSCRIPTIONS = [topics.presence('+'), topics.logs('+'), topics.replOut('+')];

/**
 * A broker of somebody else, which several servers share: each hears every device and reaches every device. The broker
 * must keep each device to its own topics by its certificate; what a device may not do here either, it is thrown out for.
 */
export function createMqttBroker(options: MqttBrokerOptions): Broker {
  const { listener } = options;
  const online = new Set<string>();
  const { hostname, port } = new URL(options.url);
  const words: IClientOptions = {
    ...{ protocol: 'mqtts', host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 8883), protocolVersion: 4 },
    ...{ clean: true, keepalive: 30, connectTimeout: CONNECT_LIMIT_MS, queueQoSZero: false, log: noLog },
    ...{ ca: options.ca, cert: options.client.cert, key: options.client.key, rejectUnauthorized: true },
  };
  const clientId = `nodeos-server-${randomBytes(6).toString('hex')}`;
  const client = connect({ ...words, clientId, reconnectPeriod: RECONNECT_MS, manualConnect: true });
  let fault: unknown = null;
  client.on('error', (error) => {
    fault = error;
  });
  /** Devices of which the broker has said anything since it was connected to. */
  let heard = new Set<string>();
  client.on('connect', () => {
    // The broker says anew who is here: retained messages come with the subscription.
    online.clear();
    heard = new Set();
    const { stream } = client;
    // Begins again where that fails: some devices would count as away for ever.
    askWhoIsHere().catch(() => stream.destroy());
  });
  client.on('message', (topic, payload, packet) => {
    const [, deviceId = '', ...rest] = topic.split('/');
    if (!DEVICE_ID_PATTERN.test(deviceId)) return;
    receive(deviceId, rest.join('/'), payload, packet);
  });

  /**
   * RabbitMQ sends no retained message for a filter with a wildcard (rabbitmq-server, issue 8824): devices of which
   * nothing came are asked for by their names.
   */
  async function askWhoIsHere(): Promise<void> {
    const { stream } = client;
    await client.subscribeAsync(SUBSCRIPTIONS, { qos: 1 });
    const devices = await options.activeDevices();
    for (let from = 0; from < devices.length && client.stream === stream; from += ASKED_AT_ONCE) {
      const silent = devices.slice(from, from + ASKED_AT_ONCE).filter((id) => !heard.has(id));
      if (silent.length === 0) continue;
      await client.subscribeAsync(silent.map(topics.presence), { qos: 0 });
      await client.unsubscribeAsync(silent.map(topics.presence));
    }
  }

  function receive(deviceId: string, kind: string, payload: Buffer, packet: IPublishPacket): void {
    if (payload.length > SERVER_LIMITS.mqttPayloadMaxBytes) return;
    const read = <T>(schema: z.ZodType<T>, use: (value: T) => void): void => {
      try {
        use(parseJson(schema, payload.toString(), packet.topic));
      } catch (error) {
        listener.malformed(deviceId, error);
      }
    };
    if (kind === 'presence') heard.add(deviceId);
    if (kind === 'presence' && payload.length > 0)
      read(presenceSchema, (presence) => seen(deviceId, presence.online, packet.retain));
    // Who has not been let in is not listened to.
    if (!online.has(deviceId)) return;
    if (kind === 'logs') read(logBatchSchema, (batch) => listener.logs(deviceId, batch));
    if (kind === 'repl/out') read(replMessageSchema, (message) => listener.repl(deviceId, message));
  }

  /** A whole fleet is here when this server comes, and each device is looked up in the database. */
  const door = new Backlog(SERVER_LIMITS.brokerEventsAtOnce, (error, name) =>
    listener.malformed(name.slice(0, name.indexOf(' ')), error),
  );

  /** @param retained it was so before this server came */
  function seen(deviceId: string, isOnline: boolean, retained: boolean): void {
    if (!isOnline) {
      if (online.delete(deviceId)) listener.presence(deviceId, false);
      return;
    }
    // Who was asked for by name may have been on the way already.
    if (retained && online.has(deviceId)) return;
    // At once, so that what it says next is heard; taken back where it may not be here.
    const arrival: Arrival = retained ? 'was here' : online.has(deviceId) ? 'comes again' : 'comes';
    online.add(deviceId);
    door.add(`${deviceId} ${arrival}`, () => admit(deviceId, arrival));
  }

  async function admit(deviceId: string, arrival: Arrival): Promise<void> {
    // It went while it waited.
    if (!online.has(deviceId)) return;
    if (!(await options.mayConnect(deviceId))) return await broker.disconnect(deviceId);
    if (arrival === 'was here') return;
    if (arrival === 'comes') listener.presence(deviceId, true);
    listener.listening(deviceId);
  }

  let batch: (readonly [topic: string, message: unknown])[] = [];
  let together: Promise<boolean> | null = null;
  /**
   * What is said at once is answered at once: a broker takes what comes over a connection in its order. None needs the
   * device's answer either: it is lost only with the device's connection, and a device that comes back asks.
   */
  function publishTogether(topic: string, message: unknown): Promise<boolean> {
    batch.push([topic, message]);
    together ??= nextTurn().then(() => {
      const messages = batch;
      batch = [];
      together = null;
      return publishInOrder(messages);
    });
    return together;
  }

  async function publishInOrder(messages: (readonly [topic: string, message: unknown])[]): Promise<boolean> {
    const { stream } = client;
    const last = messages.pop();
    if (last === undefined || !client.connected) return false;
    for (const [index, [topic, message]] of messages.entries()) {
      client.publish(topic, JSON.stringify(message), { qos: 0 });
      // What is written leaves with the turn: the broker is to have work while there is still more to say.
      if (index % PUBLISHED_IN_A_TURN === PUBLISHED_IN_A_TURN - 1) await nextTurn();
    }
    // Over another connection it would say nothing of the others.
    return (await publish(...last)) && client.stream === stream;
  }

  function publish(topic: string, message: unknown): Promise<boolean> {
    if (!client.connected) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), PUBLISH_LIMIT_MS);
      client.publish(topic, JSON.stringify(message), { qos: 1 }, (fault) => {
        clearTimeout(timer);
        resolve(fault === undefined || fault === null);
      });
    });
  }

  const broker: Broker = {
    async listen() {
      const connected = new Promise<void>((resolve) => client.once('connect', () => resolve()));
      client.connect();
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(unreachable(options.url, fault)), CONNECT_LIMIT_MS);
        client.on('error', (error) => {
          if (FINAL_CODES.test((error as { code?: string }).code ?? '')) reject(unreachable(options.url, error));
        });
      });
      await Promise.race([connected, late]).finally(() => clearTimeout(timer));
      return words.port as number;
    },
    isOnline: (deviceId) => online.has(deviceId),
    async tell(deviceId, message) {
      if (!online.has(deviceId)) return false;
      const say = message.kind === 'desired-changed' ? publishTogether : publish;
      return say(topics.tell(deviceId), message);
    },
    sendRepl: async (deviceId, message) => online.has(deviceId) && publish(topics.replIn(deviceId), message),
    async disconnect(deviceId) {
      if (online.delete(deviceId)) listener.presence(deviceId, false);
      if (!client.connected) return;
      // Another connection with the same client id ends the first (MQTT 3.1.1, 3.1.4-2): every broker can do that.
      const second = connect({ ...words, clientId: deviceId, reconnectPeriod: 0 });
      second.on('error', () => undefined);
      await new Promise<void>((resolve) => second.once('connect', () => resolve()).once('close', () => resolve()));
      await second.endAsync(!second.connected).catch(() => undefined);
    },
    // Devices and this server see the broker's certificate, which is its operator's to renew.
    renewCertificate: () => undefined,
    async close() {
      await client.endAsync(!client.connected).catch(() => undefined);
    },
  };
  return broker;
}

function unreachable(url: string, cause: unknown): NodeosError {
  const reason = cause instanceof Error ? `: ${cause.message}` : '';
  return new NodeosError('BROKER_UNREACHABLE', `the broker ${url} does not let this server in${reason}`, { cause });
}
