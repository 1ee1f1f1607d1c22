import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import pg from 'pg';
import { openAuthority } from '../authority.ts';
import { connectionSettings } from '../store/postgres/connection.ts';
import { openPostgresStore } from '../store/postgres/store.ts';
import { type Mosquitto, mosquittoMissing, startMosquitto } from './mosquitto.ts';
import { type NodeOptions, type ServerNode, startNode } from './nodes.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';
import { claimTokenOf, enrolledDeviceOf } from './server-clients.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { until } from './until.ts';

/** As many as were asked for, as far as a test names them one by one. */
type Nodes<Count extends number> = Count extends 1
  ? readonly [ServerNode]
  : readonly [ServerNode, ServerNode, ...ServerNode[]];

export interface SeveralServers<Count extends number = number> {
  readonly nodes: Nodes<Count>;
  readonly options: NodeOptions;
  readonly broker: Mosquitto;
  /** Another one on the same data. */
  start(): Promise<ServerNode>;
}

/** Servers that start at once on one folder without their keys, one database (an empty one if none is given) and broker. */
export async function startSeveral<Count extends number>(
  context: TestContext,
  postgres: PostgresServer,
  count: Count,
  store?: string,
): Promise<SeveralServers<Count>> {
  const dataDir = await temporaryFolder(context);
  const broker = await startMosquitto(await temporaryFolder(context), await openAuthority(join(dataDir, 'keys')));
  context.after(() => broker.kill());
  const options: NodeOptions = {
    ...{ dataDir, store: store ?? (await postgres.database()) },
    broker: `mqtts://127.0.0.1:${broker.serverPort}`,
    deviceBroker: `mqtts://127.0.0.1:${broker.devicePort}`,
  };
  const start = async (): Promise<ServerNode> => {
    const node = await startNode(options);
    context.after(() => node.kill());
    return node;
  };
  const nodes = (await Promise.all(Array.from({ length: count }, start))) as readonly ServerNode[] as Nodes<Count>;
  return { nodes, options, broker, start };
}

/** PostgreSQL for the tests of a file, to the end of it; with `options` they are skipped visibly where a program is missing. */
export async function severalServers() {
  const postgres = await startPostgres();
  after(() => postgres?.stop());
  return {
    options: postgres === null ? { skip: 'the Debian package postgresql is not installed' } : mosquittoMissing(),
    database: () => (postgres as PostgresServer).database(),
    several: <Count extends number = 2>(context: TestContext, count?: Count, store?: string) =>
      startSeveral(context, postgres as PostgresServer, count ?? (2 as Count), store),
  };
}

/**
 * Does the work while another holds what only one server at a time may have: all that ask for it come to wait, so that
 * the test does not depend on who is quicker.
 * @param waiters how many must wait before it is let go
 */
export async function meanwhileHeld<T>(
  context: TestContext,
  store: string,
  { name, waiters }: { readonly name: string; readonly waiters: number },
  work: () => Promise<T>,
): Promise<T> {
  const [holder, observer] = [await openPostgresStore(store), new pg.Client(connectionSettings(store))];
  context.after(() => Promise.all([holder.close(), observer.end()]));
  await observer.connect();
  const count = `select count(*)::int as waiting from pg_locks where locktype = 'advisory' and not granted`;
  const { working } = await holder.exclusively(name, async () => {
    const begun = { working: work() };
    const allWait = async () => (await observer.query<{ waiting: number }>(count)).rows[0]?.waiting === waiters;
    await untilSeen(`${waiters} servers that wait for "${name}"`, allWait);
    return begun;
  });
  return working;
}

export const enrolledAt = (node: ServerNode) => enrolledDeviceOf(node.device, claimTokenOf(node.operator));

/** Several processes start on what may be a slow machine. */
export const untilSeen = <T>(what: string, check: Parameters<typeof until<T>>[1]) => until(what, check, 60_000);
