import { DEVICE_ID_PATTERN, mayPublish, maySubscribe } from './access.ts';

export const RABBITMQ_VHOST = 'nodeos';
/** Where RabbitMQ's MQTT finds every topic as a routing key, with dots for slashes. */
export const RABBITMQ_EXCHANGE = 'amq.topic';
/** What RabbitMQ asks (its HTTP authorization backend), each at an address of its own. */
export const RABBITMQ_QUESTIONS = ['user', 'vhost', 'resource', 'topic'] as const;
export type RabbitmqQuestion = (typeof RABBITMQ_QUESTIONS)[number];

/**
 * Answers one question of RabbitMQ about a device that has shown its certificate; its fields as they come in a form.
 * Field names: README of rabbitmq_auth_backend_http.
 */
export async function mayInRabbitmq(
  question: RabbitmqQuestion,
  fields: URLSearchParams,
  mayConnect: (deviceId: string) => Promise<boolean>,
): Promise<boolean> {
  const field = (name: string): string => fields.get(name) ?? '';
  const device = field('username');
  if (!DEVICE_ID_PATTERN.test(device)) return false;
  if (question === 'user') {
    // A name and a password come before the certificate in RabbitMQ: only without them the name is the certificate's.
    return !fields.has('password') && mayConnect(device);
  }
  if (field('vhost') !== RABBITMQ_VHOST) return false;
  // Else a device could take the place of another, whose connection would end.
  if (question === 'vhost') return field('client_id') === device;
  const [name, permission] = [field('name'), field('permission')];
  if (question === 'resource' && field('resource') === 'queue')
    return ['qos0', 'qos1'].some((quality) => name === `mqtt-subscription-${device}${quality}`);
  if (name !== RABBITMQ_EXCHANGE) return false;
  // Which topics is asked beside it.
  if (question === 'resource') return permission === 'read' || permission === 'write';
  const key = field('routing_key');
  if (key.includes('/')) return false;
  const topic = key.replaceAll('.', '/');
  return (
    (permission === 'write' && mayPublish(device, topic)) || (permission === 'read' && maySubscribe(device, topic))
  );
}
