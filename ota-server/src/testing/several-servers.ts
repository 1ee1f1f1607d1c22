import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openAuthority } from '../authority.ts';
import { type Mosquitto, startMosquitto } from './mosquitto.ts';
import { type NodeOptions, type ServerNode, startNode } from './nodes.ts';
import type { PostgresServer } from './postgres.ts';
import { temporaryFolder } from './temporary-folder.ts';

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
