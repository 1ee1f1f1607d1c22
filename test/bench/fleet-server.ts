import { createServer } from '@nodeos/ota-server/server.ts';

export interface Started {
  readonly operator: string;
  readonly token: string;
  /** Of the operator API, of the devices' HTTPS, of MQTT. */
  readonly ports: readonly [number, number, number];
}
export interface Usage {
  readonly rssBytes: number;
  /** What JavaScript holds; the rest of `rssBytes` is OpenSSL, the program itself and what was freed and not given back. */
  readonly heapBytes: number;
  readonly cpuMs: number;
}

/** The server of the fleet benchmark, alone in its process: tells where it listens, and how much memory it takes. */
const [dataDir, ...ports] = process.argv.slice(2);
const [operator = 0, device = 0, mqtt = 0] = ports.map(Number);
const server = await createServer({
  dataDir: dataDir as string,
  ...{ operator: { port: operator }, device: { port: device }, mqtt: { port: mqtt } },
  ...{ advertise: ['127.0.0.1'], dashboard: false },
});
await server.start();
process.on('message', (word) => {
  if (word === 'end') void server.close().then(() => process.exit());
  if (word !== 'memory') return;
  global.gc?.();
  const { rss, heapUsed } = process.memoryUsage();
  process.send?.({ rssBytes: rss, heapBytes: heapUsed, cpuMs: cpuMs() } satisfies Usage);
});
process.on('disconnect', () => process.exit());
const { addresses, operatorToken } = server;
const portOf = ({ url }: { url: string }): number => Number(new URL(url).port);
process.send?.({
  ...{ operator: addresses.operator.url, token: operatorToken },
  ports: [portOf(addresses.operator), portOf(addresses.device), portOf(addresses.mqtt)],
} satisfies Started);

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
