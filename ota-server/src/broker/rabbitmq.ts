import { isIP } from 'node:net';
import { SERVER_LIMITS } from '../limits.ts';
import { BROKER_USER } from './mosquitto.ts';
import { rabbitmqQuestionPath } from './rabbitmq-routes.ts';
import { RABBITMQ_EXCHANGE, RABBITMQ_QUESTIONS, RABBITMQ_VHOST } from './rabbitmq-rules.ts';

export interface RabbitmqOptions {
  /** Where the broker will find its files. */
  readonly folder: string;
  /** Devices and servers come to this one port: RabbitMQ has one set of TLS settings for all of them. */
  readonly port: number;
  /** `https://host:port` of the devices' API, where the broker asks who may do what. */
  readonly questions: string;
}

/** File names that `rabbitmqFiles` refers to; those of its own settings are the names that RabbitMQ looks for. */
export const RABBITMQ_FILES = {
  configuration: 'rabbitmq.conf',
  advanced: 'advanced.config',
  plugins: 'enabled_plugins',
  definitions: 'definitions.json',
  deviceAuthority: 'devices-ca.pem',
  clientAuthorities: 'clients-ca.pem',
  certificate: 'broker.pem',
  key: 'broker-key.pem',
} as const;

/**
 * Configuration of RabbitMQ 3.10 with MQTT over TLS alone: devices and servers are known by their certificates.
 * What a device may do RabbitMQ asks the server, as its own rules know only users that were made one by one.
 * Texts by file name.
 */
export function rabbitmqFiles({ folder, port, questions }: RabbitmqOptions): Record<string, string> {
  const file = (name: keyof typeof RABBITMQ_FILES): string => `${folder}/${RABBITMQ_FILES[name]}`;
  const host = new URL(questions).hostname.replace(/^\[|\]$/g, '');
  const configuration = [
    '# AMQP is not used: MQTT over TLS is the only way in.',
    'listeners.tcp = none',
    'mqtt.listeners.tcp = none',
    `mqtt.listeners.ssl.default = ${port}`,
    'mqtt.allow_anonymous = false',
    'mqtt.ssl_cert_login = true',
    'ssl_cert_login_from = common_name',
    `mqtt.vhost = ${RABBITMQ_VHOST}`,
    `mqtt.exchange = ${RABBITMQ_EXCHANGE}`,
    `max_message_size = ${SERVER_LIMITS.mqttPayloadMaxBytes}`,
    '',
    `ssl_options.cacertfile = ${file('clientAuthorities')}`,
    `ssl_options.certfile = ${file('certificate')}`,
    `ssl_options.keyfile = ${file('key')}`,
    'ssl_options.verify = verify_peer',
    'ssl_options.fail_if_no_peer_cert = true',
    'ssl_options.versions.1 = tlsv1.3',
    'ssl_options.versions.2 = tlsv1.2',
    '',
    '# The servers are the one user that RabbitMQ knows itself; for all others it asks them.',
    'auth_backends.1 = internal',
    'auth_backends.2 = http',
    'auth_http.http_method = post',
    ...RABBITMQ_QUESTIONS.map((kind) => `auth_http.${kind}_path = ${questions}${rabbitmqQuestionPath(kind)}`),
    `load_definitions = ${file('definitions')}`,
  ];
  // Erlang terms: 3.10 knows no other way to say by which certificate it asks.
  const advanced = [
    '[{rabbitmq_auth_backend_http,',
    '  [{ssl_options,',
    `    [{cacertfile, ${JSON.stringify(file('deviceAuthority'))}},`,
    `     {certfile, ${JSON.stringify(file('certificate'))}},`,
    `     {keyfile, ${JSON.stringify(file('key'))}},`,
    // Erlang 25 finds no address in a certificate; who may be a server is still a matter of its authority.
    ...(isIP(host) === 0 ? [] : ['     {server_name_indication, disable},']),
    '     {verify, verify_peer}]}]}].',
  ];
  const here = { user: BROKER_USER, vhost: RABBITMQ_VHOST };
  const ownTopics = '^nodeos[.]';
  const definitions = {
    // A user without a password gets in by certificate only.
    users: [{ name: BROKER_USER, password_hash: '', tags: '' }],
    vhosts: [{ name: RABBITMQ_VHOST }],
    permissions: [{ ...here, configure: '.*', write: '.*', read: '.*' }],
    topic_permissions: [{ ...here, exchange: RABBITMQ_EXCHANGE, write: ownTopics, read: ownTopics }],
  };
  return {
    [RABBITMQ_FILES.configuration]: lines(configuration),
    [RABBITMQ_FILES.advanced]: lines(advanced),
    [RABBITMQ_FILES.plugins]: lines(['[rabbitmq_mqtt,rabbitmq_auth_backend_http].']),
    [RABBITMQ_FILES.definitions]: lines([JSON.stringify(definitions, null, 2)]),
  };
}

function lines(all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
