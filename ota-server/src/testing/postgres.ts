import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { until } from './until.ts';

const run = promisify(execFile);
/** Debian keeps the programs of each major version here. */
const DEBIAN_FOLDER = '/usr/lib/postgresql';
const STILL_HELD = /pre-existing shared memory block|lock file "postmaster.pid" already exists/;

export interface PostgresServer {
  /** Makes an empty database. @returns its address */
  database(): Promise<string>;
  /** Kills it as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again on its data. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** PostgreSQL's programs; null where it is not installed, which only a person's machine may be. */
async function programs(): Promise<string | null> {
  const versions = existsSync(DEBIAN_FOLDER)
    ? (await readdir(DEBIAN_FOLDER)).sort((a, b) => Number(b) - Number(a))
    : [];
  const found = versions
    .map((version) => join(DEBIAN_FOLDER, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')));
  if (found === undefined && process.env.CI) throw new Error('the Debian package postgresql is not installed');
  return found ?? null;
}

/** Starts a real PostgreSQL on a socket in a temporary folder; it refuses to run as root, so root becomes nobody. */
export async function startPostgres(): Promise<PostgresServer | null> {
  const bin = await programs();
  if (bin === null) return null;
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-pg-'));
  await mkdir(join(folder, 'data'));
  const asRoot = process.getuid?.() === 0;
  // It ends with the test, however that ends.
  const rights = asRoot ? ['--reuid=nobody', '--regid=nogroup', '--clear-groups'] : [];
  const unprivileged = ['setpriv', '--pdeathsig=SIGQUIT', ...rights, '--'];
  if (asRoot) await run('chown', ['-R', 'nobody:nogroup', folder]);
  await chmod(folder, 0o755);
  const data = join(folder, 'data');
  const [first, ...rest] = [...unprivileged, join(bin, 'initdb'), '-D', data, '-U', 'nodeos', '-A', 'trust'];
  await run(first as string, [...rest, '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'], { cwd: folder });

  const address = (database: string): string =>
    `postgres:///${database}?host=${encodeURIComponent(folder)}&user=nodeos`;
  let child: ChildProcess;
  let log = '';
  const answers = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`PostgreSQL ended:\n${log}`);
    const client = new pg.Client({ connectionString: address('postgres') });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const server: PostgresServer = {
    async database() {
      const name = `test_${randomBytes(6).toString('hex')}`;
      const client = new pg.Client({ connectionString: address('postgres') });
      await client.connect();
      await client.query(`create database ${name} template template0`);
      await client.end();
      return address(name);
    },
    async start() {
      log = '';
      const settings = ['-c', 'listen_addresses=', '-c', 'fsync=off', '-c', `unix_socket_directories=${folder}`];
      const [program, ...words] = [...unprivileged, join(bin, 'postgres'), '-D', data, ...settings];
      const begin = (): void => {
        child = spawn(program as string, words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
        child.stderr?.on('data', (chunk: Buffer) => {
          log = (log + chunk.toString()).slice(-10_000);
        });
      };
      begin();
      await until(
        'PostgreSQL',
        async () => {
          // The children of one that was killed still hold its memory for a moment.
          if (child.exitCode !== null && STILL_HELD.test(log)) {
            log = '';
            begin();
          }
          return answers();
        },
        60_000,
      );
    },
    async kill() {
      // At once, without writing anything: its children see that it is gone, and the next start recovers.
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
    async stop() {
      child.kill('SIGINT');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      await rm(folder, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}
