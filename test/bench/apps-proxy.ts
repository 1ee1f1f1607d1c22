import { connectOutside } from '@nodeos/device-agent/src/apps/app-network.ts';
import { createProxy } from '@nodeos/device-agent/src/web/proxy.ts';

/** The device's proxy alone, for one app `app`: `apps-proxy.ts <port of the app>`; tells its own port and its memory. */
const app = { user: 'app', app: 'app', port: Number(process.argv[2]), description: '' };
const options = {
  apps: () => new Map([['app', app]]),
  deviceNames: () => ['device'],
  connect: (_app: string, port: number) => connectOutside(port),
};
void createProxy(options, null).then((proxy) =>
  proxy.listen(0, '127.0.0.1', () => process.send?.({ port: (proxy.address() as { port: number }).port })),
);
process.on('message', () => {
  globalThis.gc?.();
  process.send?.({ rss: process.memoryUsage.rss() });
});
