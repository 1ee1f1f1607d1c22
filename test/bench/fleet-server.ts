import { createServer } from '@nodeos/ota-server/server.ts';

/** The server of the fleet benchmark, alone in its process: tells where it listens, and how much memory it takes. */
const server = await createServer({
  dataDir: process.argv[2] as string,
  ...{ operator: { port: 0 }, device: { port: 0 }, mqtt: { port: 0 }, advertise: ['127.0.0.1'], dashboard: false },
});
await server.start();
process.on('message', (word) => {
  if (word === 'end') void server.close().then(() => process.exit());
  if (word !== 'memory') return;
  global.gc?.();
  process.send?.({ rssBytes: process.memoryUsage.rss(), cpuMs: cpuMs() });
});
process.on('disconnect', () => process.exit());
process.send?.({ operator: server.addresses.operator.url, token: server.operatorToken });

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
