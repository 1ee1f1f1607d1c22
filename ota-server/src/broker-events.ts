import { describeError } from '@nodeos/contracts/errors.ts';
import type { BrokerListener } from './broker/broker.ts';
import type { ServerContext } from './context.ts';
import type { FleetContext } from './fleets.ts';

export interface BrokerEvents {
  readonly listener: BrokerListener;
  /** Resolves when all that was heard has been dealt with; the store may be closed then. */
  settled(): Promise<void>;
}

/** What the broker sees goes to the fleet, the log viewers and the REPL sessions. */
export function openBrokerEvents(
  context: () => Pick<ServerContext, 'fleets' | 'log' | 'logs' | 'metrics' | 'repl'>,
): BrokerEvents {
  const underWay = new Set<Promise<void>>();
  const inFleet = (deviceId: string, work: (fleet: FleetContext) => Promise<unknown>): void => {
    const done = context()
      .fleets.ofDevice(deviceId)
      .then(async (fleet) => void (fleet && (await work(fleet))))
      .catch((error) => context().log.error({ err: error }, 'broker event'))
      .finally(() => underWay.delete(done));
    underWay.add(done);
  };
  const listener: BrokerListener = {
    presence: (deviceId, online) => {
      context().metrics.message('presence');
      if (!online) context().repl.deviceLeft(deviceId);
      inFleet(deviceId, ({ devices }) => devices.presence(deviceId));
    },
    listening: (deviceId) => {
      context().logs.resume(deviceId);
      inFleet(deviceId, ({ deployments }) => deployments.deviceListens(deviceId));
    },
    logs: (deviceId, batch) => {
      context().metrics.message('logs');
      context().logs.receive(deviceId, batch);
    },
    repl: (deviceId, message) => {
      context().metrics.message('repl');
      context().repl.receive(deviceId, message);
    },
    malformed: (deviceId, error) => {
      context().metrics.message('malformed');
      context().log.warn(`device ${deviceId}: ${describeError(error)}`);
    },
  };
  return {
    listener,
    async settled() {
      await Promise.all(underWay);
    },
  };
}
