import { describeError } from '@nodeos/contracts/errors.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import {
  type LogBatch,
  type ReplMessage,
  replMessageSchema,
  type Tell,
  tellSchema,
  topics,
} from '@nodeos/contracts/mqtt.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import type { IClientOptions, MqttClient } from 'mqtt';
import { backoffDelay } from '../backoff.ts';
import type { ClientIdentity } from './http.ts';
import { openTunnel, tlsThrough } from './tunnel.ts';

/** As rarely as it asks the server in any case: nothing hangs on the broker but who hears of news first. */
const RECONNECT_BACKOFF = { baseMs: 500, capMs: DEVICE_LIMITS.pollIntervalMs };
/** A broker that has too much to do lets devices in and loses them again: that is no success. */
const STEADY_MS = 60_000;
const KEEPALIVE_SECONDS = 30;
const CONNECT_TIMEOUT_MS = 20_000;

export interface BrokerOptions {
  /** `mqtts://host:port`. */
  readonly url: string;
  readonly deviceId: string;
  readonly identity: ClientIdentity;
  readonly ca: string;
  readonly onTell: (tell: Tell) => void;
  readonly onReplInput: (message: ReplMessage) => void;
  readonly onConnected: () => void;
  readonly onDisconnected: (reason: string) => void;
  readonly log: (text: string) => void;
  /** From the fleet file; see openTunnel. */
  readonly proxy?: string | undefined;
  /** A connection that says nothing for half as long again is dead. */
  readonly keepaliveSeconds?: number;
}
export interface Broker {
  publishLogs(batch: LogBatch): void;
  publishRepl(message: ReplMessage): void;
  /** The network is another, or the server is back: connects at once where it was waiting. */
  retryNow(): void;
  /** Says good-bye and connects no more. */
  close(): Promise<void>;
}

/** Keeps a connection to the broker. It carries reasons to ask the server, logs and REPL sessions; nothing is trusted. */
export function connectBroker(options: BrokerOptions): Broker {
  const { deviceId, log } = options;
  let client: MqttClient | null = null;
  let closed = false;
  let failures = 0;
  let wake: (() => void) | null = null;

  async function connectOnce(): Promise<void> {
    // Loaded here: an app must not wait at boot for what only a connection needs.
    const [mqtt, packet] = await Promise.all([import('mqtt'), import('mqtt-packet')]);
    // Otherwise 65,536 buffers are made and kept, 7 MB, to save making one now and then.
    packet.writeToStream.cacheNumbers = false;
    const connected = await connectClient(mqtt, options);
    client = connected;
    let reason = 'connection closed';
    let steady: NodeJS.Timeout | undefined;
    connected.on('error', (error) => {
      reason = describeError(error);
    });
    connected.on('message', (topic, payload) => receive(topic, payload.toString('utf8')));
    connected.on('connect', () => {
      steady = setTimeout(() => {
        failures = 0;
      }, STEADY_MS);
      connected.publish(topics.presence(deviceId), JSON.stringify({ online: true }), { qos: 1, retain: true });
      connected.subscribe([topics.tell(deviceId), topics.replIn(deviceId)], { qos: 1 }, (error) => {
        if (error) connected.end(true);
        else options.onConnected();
      });
    });
    await new Promise<void>((resolve) => connected.once('close', () => resolve()));
    clearTimeout(steady);
    connected.end(true);
    client = null;
    options.onDisconnected(reason);
  }

  async function keepConnected(): Promise<void> {
    while (!closed) {
      await connectOnce().catch((error) => log(`mqtt: ${describeError(error)}`));
      if (closed) return;
      const waitMs = backoffDelay(++failures, RECONNECT_BACKOFF);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  function receive(topic: string, text: string): void {
    try {
      if (topic === topics.tell(deviceId)) options.onTell(parseJson(tellSchema, text, 'MQTT tell'));
      else if (topic === topics.replIn(deviceId))
        options.onReplInput(parseJson(replMessageSchema, text, 'MQTT REPL message'));
    } catch (error) {
      log(describeError(error));
    }
  }

  function publish(topic: string, message: LogBatch | ReplMessage): void {
    if (client?.connected) client.publish(topic, JSON.stringify(message), { qos: 0 });
  }

  void keepConnected();
  return {
    publishLogs: (batch) => publish(topics.logs(deviceId), batch),
    publishRepl: (message) => publish(topics.replOut(deviceId), message),
    retryNow: () => wake?.(),
    async close() {
      closed = true;
      wake?.();
      const open = client;
      if (!open) return;
      if (open.connected) {
        // A connection that is lost at this moment answers nothing any more.
        const lost = new Promise<void>((resolve) => open.once('close', () => resolve()));
        const said = open
          .publishAsync(topics.presence(deviceId), JSON.stringify({ online: false }), { qos: 0, retain: true })
          .catch(() => {});
        await Promise.race([said, lost]);
      }
      open.end(true);
    },
  };
}

/** Through the proxy where there is one. */
async function connectClient(mqtt: typeof import('mqtt'), options: BrokerOptions): Promise<MqttClient> {
  const words = clientOptions(options);
  if (options.proxy === undefined) return mqtt.connect(words);
  const { host = '', port = 8883 } = words;
  const tunnel = await openTunnel(options.proxy, host, port);
  const { certificate: cert, key } = options.identity;
  return new mqtt.MqttClient(() => tlsThrough(tunnel, { host, port, ca: options.ca, cert, key }), words);
}

/** The library's own log asks for each packet several times whether anybody wants it. */
const noLog = (): void => {};

/** The address in parts: the library takes a whole URL apart with a function that Node.js warns of. */
function clientOptions(options: BrokerOptions): IClientOptions {
  const { hostname, port } = new URL(options.url);
  return {
    protocol: 'mqtts',
    host: hostname.replace(/^\[|\]$/g, ''),
    port: Number(port || 8883),
    protocolVersion: 4,
    clientId: options.deviceId,
    clean: true,
    keepalive: options.keepaliveSeconds ?? KEEPALIVE_SECONDS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectPeriod: 0,
    ca: options.ca,
    cert: options.identity.certificate,
    key: options.identity.key,
    rejectUnauthorized: true,
    queueQoSZero: false,
    log: noLog,
    will: {
      topic: topics.presence(options.deviceId),
      payload: Buffer.from(JSON.stringify({ online: false })),
      qos: 1,
      retain: true,
    },
  };
}
