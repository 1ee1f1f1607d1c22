import { topics } from '@nodeos/contracts/mqtt.ts';
import { SERVER_LIMITS } from '../limits.ts';

export interface MosquittoOptions {
  /** Where the broker will find its files. */
  readonly folder: string;
  readonly devicePort: number;
  /** Only servers can connect here: the broker knows their one certificate. */
  readonly serverPort: number;
}

/** File names that `mosquittoFiles` refers to. */
export const MOSQUITTO_FILES = {
  configuration: 'nodeos.conf',
  deviceAccess: 'devices.acl',
  serverAccess: 'servers.acl',
  deviceAuthority: 'devices-ca.pem',
  serverCertificate: 'servers-ca.pem',
  certificate: 'broker.pem',
  key: 'broker-key.pem',
} as const;

/** CN of a server's certificate for the broker. */
export const BROKER_USER = 'nodeos-server';

/** Configuration of Mosquitto 2 that keeps each device to its own topics by its certificate. Texts by file name. */
export function mosquittoFiles({ folder, devicePort, serverPort }: MosquittoOptions): Record<string, string> {
  const file = (name: keyof typeof MOSQUITTO_FILES): string => `${folder}/${MOSQUITTO_FILES[name]}`;
  const tls = (authority: string): string[] => [
    `cafile ${authority}`,
    `certfile ${file('certificate')}`,
    `keyfile ${file('key')}`,
    'tls_version tlsv1.2',
    'require_certificate true',
    'use_identity_as_username true',
    'allow_anonymous false',
  ];
  const configuration = [
    'per_listener_settings true',
    // A server that comes is told of every device at once.
    'max_queued_messages 1000000',
    `message_size_limit ${SERVER_LIMITS.mqttPayloadMaxBytes}`,
    '',
    '# Devices: the certificate is the client id too, so none can take the place of another.',
    `listener ${devicePort}`,
    ...tls(file('deviceAuthority')),
    'use_username_as_clientid true',
    `acl_file ${file('deviceAccess')}`,
    '',
    '# Servers of the fleet. Other machines need not reach this port.',
    `listener ${serverPort}`,
    ...tls(file('serverCertificate')),
    `acl_file ${file('serverAccess')}`,
  ];
  const own = '%u';
  const devices = [
    ...[topics.presence(own), topics.logs(own), topics.replOut(own)].map((topic) => `pattern write ${topic}`),
    ...[topics.tell(own), topics.replIn(own)].map((topic) => `pattern read ${topic}`),
  ];
  return {
    [MOSQUITTO_FILES.configuration]: lines(configuration),
    [MOSQUITTO_FILES.deviceAccess]: lines(devices),
    [MOSQUITTO_FILES.serverAccess]: lines([`user ${BROKER_USER}`, 'topic readwrite nodeos/#']),
  };
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
