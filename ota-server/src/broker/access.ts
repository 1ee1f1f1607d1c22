import { topics } from '@nodeos/contracts/mqtt.ts';

/** Device id as it stands in certificates and topics. */
export const DEVICE_ID_PATTERN = /^[0-9a-f]{16}$/;

/** A device publishes only to its own `presence`, `logs` and `repl/out`. */
export function mayPublish(deviceId: string, topic: string): boolean {
  return topic === topics.presence(deviceId) || topic === topics.logs(deviceId) || topic === topics.replOut(deviceId);
}

/** A device subscribes only to its own `tell` and `repl/in`, by their full names: a wildcard could match others'. */
export function maySubscribe(deviceId: string, filter: string): boolean {
  return filter === topics.tell(deviceId) || filter === topics.replIn(deviceId);
}
