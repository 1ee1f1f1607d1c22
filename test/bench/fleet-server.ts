import { createServer } from '@nodeos/ota-server/server.ts';

export interface Options {
  readonly dataDir: string;
  readonly store?: string;
  readonly broker?: string;
  readonly deviceBroker?: string;
  /** Of the operator API, of the devices' HTTPS, of MQTT; 0 takes any. */
  readonly ports: readonly [number, number, number];
}
export interface Started {
  readonly operator: string;
  readonly token: string;
  readonly ports: Options['ports'];
}
export interface Usage {
  readonly rssBytes: number;
  readonly cpuMs: number;
}

/** The server of the fleet benchmark, alone in its process: tells where it listens, and how much memory it takes. */
const { ports, ...options }: Options = JSON.parse(process.argv[2] as string);
const [operator, device, mqtt] = ports;
const server = await createServer({
  ...options,
  ...{ operator: { port: operator }, device: { port: device }, mqtt: { port: mqtt } },
  ...{ advertise: ['127.0.0.1'], dashboard: false },
});
await server.start();
process.on('message', (word) => {
  if (word === 'end') void server.close().then(() => process.exit());
  if (word === 'usage') process.send?.(usage());
  // What JavaScript holds: the rest is OpenSSL, the program itself and what was freed and not given back. Asked for
  // apart, because a server that nobody measures does not collect its garbage at that moment.
  if (word === 'heap') {
    global.gc?.();
    process.send?.(process.memoryUsage().heapUsed);
  }
});
process.on('disconnect', () => process.exit());
const { addresses, operatorToken } = server;
const portOf = ({ url }: { url: string }): number => Number(new URL(url).port);
process.send?.({
  ...{ operator: addresses.operator.url, token: operatorToken },
  ports: [portOf(addresses.operator), portOf(addresses.device), portOf(addresses.mqtt)],
} satisfies Started);

function usage(): Usage {
  const { user, system } = process.cpuUsage();
  return { rssBytes: process.memoryUsage().rss, cpuMs: (user + system) / 1000 };
}
