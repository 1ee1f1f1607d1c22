import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import type { Authority } from '../authority.ts';
import { MOSQUITTO_FILES } from '../broker/mosquitto.ts';
import { writeMosquittoFiles } from '../broker/mosquitto-files.ts';
import { until } from './until.ts';

const PROGRAM = '/usr/sbin/mosquitto';

export interface Mosquitto {
  readonly devicePort: number;
  readonly serverPort: number;
  /** As a power cut: nothing is written, nobody is told. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** A reason where the real broker is missing, which only a person's machine may be. */
export function mosquittoMissing(): { readonly skip?: string } {
  if (existsSync(PROGRAM)) return {};
  if (process.env.CI) throw new Error('the Debian package mosquitto is not installed');
  return { skip: 'the Debian package mosquitto is not installed' };
}

/** A real Mosquitto on free loopback ports, with exactly the files that the product writes for it. */
export async function startMosquitto(folder: string, authority: Authority): Promise<Mosquitto> {
  const [devicePort, serverPort] = [await freePort(), await freePort()];
  await writeMosquittoFiles(authority, { folder, devicePort, serverPort, names: ['127.0.0.1', 'localhost'] });
  const configuration = join(folder, 'mosquitto.conf');
  // It would take the rights of a user that cannot read the test's folder.
  const user = process.getuid?.() === 0 ? 'user root\n' : '';
  const own = await readFile(join(folder, MOSQUITTO_FILES.configuration), 'utf8');
  await writeFile(configuration, `${user}${own}`);
  let child: ChildProcess;
  let log = '';
  const answers = (port: number): Promise<boolean> =>
    new Promise((resolve) => {
      if (child.exitCode !== null) throw new Error(`Mosquitto ended:\n${log}`);
      const socket = connect(port, '127.0.0.1');
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
  const mosquitto: Mosquitto = {
    devicePort,
    serverPort,
    async start() {
      // It ends with the test, however that ends.
      child = spawn('setpriv', ['--pdeathsig=SIGKILL', '--', PROGRAM, '-c', configuration], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      child.stderr?.on('data', (chunk: Buffer) => {
        log = (log + chunk.toString()).slice(-10_000);
      });
      await until('Mosquitto', async () => (await answers(devicePort)) && (await answers(serverPort)), 20_000);
    },
    async kill() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
  await mosquitto.start();
  return mosquitto;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
