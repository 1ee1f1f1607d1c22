import { freePort } from '@nodeos/ota-server/testing/ports.ts';
import { startMosquitto, tellBare } from './fleet-bare.ts';
import { Devices, until } from './fleet-worker.ts';
import { percentile } from './percentile.ts';
import { memoryOf } from './process-memory.ts';
import type { Measurement } from './table.ts';

/** What the same number of clients costs a broker that does nothing else, without TLS. */
export async function measureMosquitto(count: number, say: (line: string) => void): Promise<Measurement[]> {
  const port = await freePort();
  const broker = await startMosquitto(port);
  if (broker === null) {
    say('mosquitto is not installed, or does not start: left out');
    return [];
  }
  const devices = new Devices(count);
  try {
    const empty = memoryOf('mosquitto');
    const connectFrom = Date.now();
    devices.begin(count, (part, first) => ({ kind: 'bare', port, first, devices: part }));
    await devices.allOnline('bare clients subscribed', say);
    const connectSeconds = (Date.now() - connectFrom) / 1000;
    const full = memoryOf('mosquitto');
    const began = Date.now();
    await tellBare(port, count);
    let toldAt: readonly number[] = [];
    await until('all told', 50, async () => {
      ({ toldAt } = await devices.results());
      return toldAt.length >= count;
    });
    const waits = toldAt.map((at) => at - began);
    const what = (name: string, value: number, unit: string): Measurement => ({
      ...{ name: `bare Mosquitto, no TLS: ${name}`, value, unit, aim: null },
    });
    return [
      what('connected and subscribed', connectSeconds, 's'),
      what('95 % told', percentile(waits, 95) / 1000, 's'),
      what('memory per client', (full - empty) / count / 1000, 'kB'),
    ];
  } finally {
    devices.end();
    broker.stop();
  }
}
