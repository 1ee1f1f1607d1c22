import { describeError } from '@nodeos/contracts/errors.ts';
import { Backlog } from './backlog.ts';
import type { BrokerListener } from './broker/broker.ts';
import type { ServerContext } from './context.ts';
import type { FleetContext } from './fleets.ts';
import { SERVER_LIMITS } from './limits.ts';

export interface BrokerEvents {
  readonly listener: BrokerListener;
  /** Resolves when all that was heard has been dealt with; the store may be closed then. */
  settled(): Promise<void>;
}

/** What the broker sees goes to the fleet, the log viewers and the REPL sessions. */
export function openBrokerEvents(
  context: () => Pick<ServerContext, 'fleets' | 'log' | 'logs' | 'metrics' | 'repl'>,
): BrokerEvents {
  const backlog = new Backlog(SERVER_LIMITS.brokerEventsAtOnce, (error) =>
    context().log.error({ err: error }, 'broker event'),
  );
  const inFleet = (kind: string, deviceId: string, work: (fleet: FleetContext) => Promise<unknown>): void =>
    backlog.add(`${kind} ${deviceId}`, async () => {
      const fleet = await context().fleets.ofDevice(deviceId);
      if (fleet !== null) await work(fleet);
    });
  const listener: BrokerListener = {
    presence: (deviceId, online) => {
      context().metrics.message('presence');
      if (!online) context().repl.deviceLeft(deviceId);
      inFleet('presence', deviceId, ({ deviceReports }) => deviceReports.presence(deviceId));
    },
    listening: (deviceId) => {
      context().logs.resume(deviceId);
      inFleet('listening', deviceId, ({ deployments }) => deployments.deviceListens(deviceId));
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
    settled: () => backlog.settled(),
  };
}
