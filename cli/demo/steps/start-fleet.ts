import { join } from 'node:path';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import type { Tell } from '@nodeos/contracts/mqtt.ts';
import { serverInfoSchema } from '@nodeos/contracts/operator-api.ts';
import { createServer } from '@nodeos/ota-server/src/server.ts';
import { pino } from 'pino';
import { createClaimToken } from '../../claim-tokens.ts';
import { createClient } from '../../client.ts';
import { initKeys, KEY_FILES } from '../../release/key-folder.ts';
import { watchChanges } from '../change-watch.ts';
import type { StoryContext } from '../context.ts';
import type { Operator } from '../operator.ts';
import type { StepOutcome } from '../reporter.ts';

/** Where the server keeps what a thief of the server would have. */
export interface ServerFolders {
  readonly blobs: string;
  readonly metadata: string;
  readonly onlineKeys: string;
}

export interface Fleet {
  readonly operator: Operator;
  readonly operatorUrl: string;
  readonly token: string;
  readonly deviceUrl: string;
  /** What the device's first partition gets. */
  readonly fleetFile: FleetFile;
  /** root.json that the image trusts. */
  readonly root: string;
  readonly folders: ServerFolders;
  tell(deviceId: string, message: Tell): Promise<boolean>;
  close(): Promise<void>;
}

/** Step 2: a server with its own authority, release keys that were made for this story, a claim token for one device. */
export async function startFleet(
  context: StoryContext,
  own: (close: () => Promise<void>) => void,
): Promise<StepOutcome<Fleet>> {
  const dataDir = join(context.folder, 'server');
  const server = await createServer({
    dataDir,
    log: pino({ level: 'info' }, pino.destination({ dest: join(context.folder, 'server.log'), sync: true })),
    operator: { host: '127.0.0.1', port: context.dashboardPort },
    device: { host: '127.0.0.1', port: 0 },
    mqtt: { host: '127.0.0.1', port: 0 },
    // Inside QEMU's user network the host's loopback has this address.
    advertise: ['10.0.2.2', '127.0.0.1', 'localhost'],
  });
  own(() => server.close());
  await server.start();
  const { operator, device, mqtt } = server.addresses;
  const client = createClient({ server: operator.url, token: server.operatorToken }, context.signal);
  const keys = join(context.folder, 'keys');
  const root = await initKeys(client, keys);
  const info = await client.get('/server', serverInfoSchema);
  const claim = await createClaimToken(client, { uses: 1, expiresAt: null, tags: ['demo'], autoApprove: true });
  const fleetFile: FleetFile = { server: device.url, broker: mqtt.url, ca: info.ca, claimToken: claim.token };
  return {
    value: {
      operator: { client, changes: watchChanges(client, context.signal), keys },
      operatorUrl: operator.url,
      token: server.operatorToken,
      deviceUrl: `https://127.0.0.1:${device.port}`,
      fleetFile,
      root: join(keys, KEY_FILES.metadata),
      folders: { blobs: join(dataDir, 'blobs'), metadata: join(dataDir, 'tuf'), onlineKeys: join(dataDir, 'keys') },
      tell: (deviceId, message) => server.tell(deviceId, message),
      close: () => server.close(),
    },
    facts: [
      `dashboard ${operator.url}`,
      `devices ${device.port}, MQTT ${mqtt.port} (TLS)`,
      `release keys for this story only, root.json version ${root.signed.version}`,
      'claim token for one device',
    ],
  };
}
