import type { TestContext } from 'node:test';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import type { ServerOptions } from '../configuration.ts';
import { createServer, type NodeosServer } from '../server.ts';
import {
  type AskAsDevice,
  type AskOperator,
  claimTokenOf,
  type DeviceIdentity,
  deviceOf,
  enrolledDeviceOf,
  type MakeClaimToken,
  operatorOf,
} from './server-clients.ts';
import { temporaryFolder } from './temporary-folder.ts';

export { type Answer, type DeviceIdentity, enrolment } from './server-clients.ts';

export interface RunningServer {
  readonly server: NodeosServer;
  readonly dataDir: string;
  readonly ca: string;
  readonly operator: AskOperator;
  readonly device: AskAsDevice;
  /** A new device, enrolled by a token that approves. */
  readonly enrolledDevice: (tags?: string[], serial?: string) => Promise<DeviceIdentity>;
  readonly claimToken: MakeClaimToken;
}

/** A server on free loopback ports, closed when the test has ended. */
export async function runServer(
  context: TestContext,
  dataDir?: string,
  dashboard = false,
  options: Pick<ServerOptions, 'store' | 'broker' | 'deviceBroker' | 'device'> = {},
): Promise<RunningServer> {
  const folder = dataDir ?? (await temporaryFolder(context));
  const server = await createServer({
    dataDir: folder,
    operator: { port: 0 },
    device: { port: 0 },
    mqtt: { port: 0 },
    advertise: ['127.0.0.1'],
    dashboard,
    ...options,
  });
  context.after(() => server.close());
  await server.start();

  const operator = operatorOf(server.addresses.operator.url, server.operatorToken);
  const ca = (await operator('GET', '/api/v1/server')).json.ca as string;
  const device = deviceOf(server.addresses.device.url, ca);
  const claimToken = claimTokenOf(operator);

  return {
    server,
    dataDir: folder,
    ca,
    operator,
    device,
    claimToken,
    enrolledDevice: enrolledDeviceOf(device, claimToken),
  };
}

export function deviceReport(change: Partial<DeviceReport> = {}): DeviceReport {
  return {
    format: 1,
    board: 'x86_64-usb',
    system: { version: '1.0.0', slot: 'a', trial: false },
    bootId: 'b5c8a1de',
    uptimeSeconds: 12,
    dataStore: 'disk',
    generation: null,
    apps: {},
    updates: [],
    memory: { totalKiB: 196_608, availableKiB: 98_304, agentRssKiB: 61_440 },
    addresses: ['10.0.2.15'],
    bootTimes: { init: 900, agent: 2100, online: 3300 },
    ...change,
  };
}
