import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Authority } from '../authority.ts';
import { writeRabbitmqFiles } from '../broker/broker-files.ts';
import { RABBITMQ_FILES } from '../broker/rabbitmq.ts';
import { answers, freePort, missing } from './ports.ts';
import { until } from './until.ts';

/** Not Debian's /usr/sbin/rabbitmq-server, which becomes a user of its own and writes to /var. */
const PROGRAM = '/usr/lib/rabbitmq/bin/rabbitmq-server';
/** Erlang, and up to 6 s in which RabbitMQ waits for other nodes. */
const START_LIMIT_MS = 240_000;

const STARTED = /Server startup complete/;

export interface Rabbitmq {
  /** Where devices and servers connect. */
  readonly port: number;
  /** Where it asks for its rules: a server must listen there. */
  readonly questionsPort: number;
  /** As a power cut: nothing is written, nobody is told. */
  kill(): Promise<void>;
  start(): Promise<void>;
  /** What it wrote to its log. */
  log(): string;
  /** Ends all that belongs to it, and removes its folder. */
  stop(): Promise<void>;
}

/** A reason where the real broker is missing, which only a person's machine may be. */
export function rabbitmqMissing(): { readonly skip?: string } {
  return missing(PROGRAM, 'rabbitmq-server');
}

/** A real RabbitMQ on free loopback ports with a folder of its own, with exactly the files that the product writes for it. */
export async function startRabbitmq(authority: Authority): Promise<Rabbitmq> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-rabbitmq-'));
  const [port, questionsPort, nodesPort, mapperPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const questions = `https://127.0.0.1:${questionsPort}`;
  await writeRabbitmqFiles(authority, { folder, port, questions, names: ['127.0.0.1', 'localhost'] });
  const file = (name: string): string => join(folder, name);
  const environment = {
    ...{ PATH: process.env.PATH, LANG: 'C.UTF-8', HOME: folder },
    // Erlang's directory of nodes, on a port of its own; else one would be started for the whole machine, and stay.
    ...{ ERL_EPMD_PORT: `${mapperPort}`, ERL_EPMD_ADDRESS: '127.0.0.1' },
    ...{ RABBITMQ_NODENAME: `nodeos-${randomBytes(4).toString('hex')}@localhost`, RABBITMQ_DIST_PORT: `${nodesPort}` },
    ...{ RABBITMQ_CONF_ENV_FILE: file('none'), RABBITMQ_CONFIG_FILE: file(RABBITMQ_FILES.configuration) },
    RABBITMQ_ADVANCED_CONFIG_FILE: file(RABBITMQ_FILES.advanced),
    RABBITMQ_ENABLED_PLUGINS_FILE: file(RABBITMQ_FILES.plugins),
    ...{ RABBITMQ_MNESIA_BASE: file('data'), RABBITMQ_PID_FILE: file('pid'), RABBITMQ_LOGS: '-' },
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    // Erlang in the place of the script that starts it: so that a signal reaches it.
    RUNNING_UNDER_SYSTEMD: 'true',
  };
  let log = '';
  const run = (words: readonly string[]): ChildProcess => {
    // It ends with the test, however that ends.
    const child = spawn('setpriv', ['--pdeathsig=SIGKILL', '--', ...words], {
      ...{ cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'] },
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        log = (log + chunk.toString()).slice(-20_000);
      });
    return child;
  };
  const end = async (child: ChildProcess): Promise<void> => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  const mapper = run(['epmd', '-port', `${mapperPort}`, '-address', '127.0.0.1']);
  await until('epmd', () => answers(mapperPort, mapper, () => log));
  let child: ChildProcess;
  const rabbitmq: Rabbitmq = {
    ...{ port, questionsPort },
    async start() {
      log = '';
      child = run([PROGRAM]);
      // Its port is open before it lets anybody in.
      const decided = (): boolean => STARTED.test(log) || child.exitCode !== null;
      await until('RabbitMQ', () => decided() && answers(port, child, () => log), START_LIMIT_MS);
    },
    kill: () => end(child),
    log: () => log,
    async stop() {
      await end(child);
      await end(mapper);
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await rabbitmq.start();
  } catch (error) {
    await rabbitmq.stop();
    throw error;
  }
  return rabbitmq;
}
