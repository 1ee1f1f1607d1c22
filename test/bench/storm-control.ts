import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { QmpClient } from '@nodeos/firmware/emulate/qmp.ts';

/** Datagrams in one second that no device has to send. */
const STORM_DATAGRAMS = 100;
const WINDOW_MS = 1_000;
/** Longer than a device waits for its server once an app has soaked, and not twice as long. */
const SHUT_MS = 150_000;

export interface StormControl {
  /** UDP port of the host; a device in QEMU reaches it at 10.0.2.2. */
  readonly port: number;
  close(): void;
}

/**
 * What a managed switch does to a device that floods it: shuts its port, and opens it again after a while (storm
 * control, with recovery of ports that were disabled). An emulated network has no line that a flood could fill.
 */
export async function controlStorms(
  qmp: Pick<QmpClient, 'execute'>,
  say: (line: string) => void,
): Promise<StormControl> {
  const socket = createSocket('udp4');
  let began = 0;
  let count = 0;
  let timer: NodeJS.Timeout | null = null;

  const setLink = (up: boolean): void => {
    say(`the switch ${up ? 'opens' : 'shuts'} the device's port`);
    qmp.execute('set_link', { name: 'net', up }).catch((error: Error) => say(`the device's port: ${error.message}`));
  };
  socket.on('message', () => {
    const now = performance.now();
    if (now - began > WINDOW_MS) [began, count] = [now, 0];
    count++;
    if (timer !== null || count < STORM_DATAGRAMS) return;
    setLink(false);
    timer = setTimeout(() => {
      timer = null;
      setLink(true);
    }, SHUT_MS);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    close() {
      if (timer !== null) clearTimeout(timer);
      socket.close();
    },
  };
}
