import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Authority } from '../authority.ts';
import { writeMosquittoFiles } from '../broker/broker-files.ts';
import { MOSQUITTO_FILES } from '../broker/mosquitto.ts';
import { answers, freePort, missing } from './ports.ts';
import { until } from './until.ts';

const PROGRAM = '/usr/sbin/mosquitto';

export interface Mosquitto {
  readonly devicePort: number;
  readonly serverPort: number;
  /** As a power cut: nothing is written, nobody is told. */
  kill(): Promise<void>;
  /** It keeps its connections and does nothing. */
  freeze(): void;
  start(): Promise<void>;
}

export function mosquittoMissing(): { readonly skip?: string } {
  return missing(PROGRAM, 'mosquitto');
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
  const answering = (port: number): Promise<boolean> => answers(port, child, () => log);
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
      await until('Mosquitto', async () => (await answering(devicePort)) && (await answering(serverPort)), 20_000);
    },
    freeze: () => void child.kill('SIGSTOP'),
    async kill() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
  await mosquitto.start();
  return mosquitto;
}
