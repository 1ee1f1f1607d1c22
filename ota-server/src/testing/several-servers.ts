import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import { openAuthority } from '../authority.ts';
import { type Mosquitto, mosquittoMissing, startMosquitto } from './mosquitto.ts';
import { type NodeOptions, type ServerNode, startNode } from './nodes.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { claimTokenOf, enrolledDeviceOf } from './server-clients.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';

export interface SeveralServers {
  readonly nodes: readonly ServerNode[];
  readonly options: NodeOptions;
  readonly broker: Mosquitto;
  /** Another one on the same data. */
  start(): Promise<ServerNode>;
}

/** Servers that start at once on one empty folder, database and broker. */
export async function startSeveral(
  context: TestContext,
  postgres: PostgresServer,
  count: number,
): Promise<SeveralServers> {
  const dataDir = await temporaryFolder(context);
  const broker = await startMosquitto(await temporaryFolder(context), await openAuthority(join(dataDir, 'keys')));
  context.after(() => broker.kill());
  const options: NodeOptions = {
    ...{ dataDir, store: await postgres.database() },
    broker: `mqtts://127.0.0.1:${broker.serverPort}`,
    deviceBroker: `mqtts://127.0.0.1:${broker.devicePort}`,
  };
  const start = async (): Promise<ServerNode> => {
    const node = await startNode(options);
    context.after(() => node.kill());
    return node;
  };
  return { nodes: await Promise.all(Array.from({ length: count }, start)), options, broker, start };
}

/** PostgreSQL for the tests of a file, to the end of it; with `options` they are skipped visibly where a program is missing. */
export async function severalServers() {
  const postgres = await startPostgres();
  after(() => postgres?.stop());
  return {
    options: postgres === null ? { skip: 'the Debian package postgresql is not installed' } : mosquittoMissing(),
    database: () => (postgres as PostgresServer).database(),
    several: (context: TestContext, count = 2) => startSeveral(context, postgres as PostgresServer, count),
  };
}

export const enrolledAt = (node: ServerNode) => enrolledDeviceOf(node.device, claimTokenOf(node.operator));

/** Several processes start on what may be a slow machine. */
export const untilSeen = <T>(what: string, check: Parameters<typeof until<T>>[1]) => until(what, check, 60_000);
