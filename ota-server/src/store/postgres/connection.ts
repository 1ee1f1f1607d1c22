import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { PostgresPool } from 'kysely';
import pg from 'pg';

/** Whole numbers here are times and counts below 2^53; `pg` gives them as text because others may not be. */
const BIGINT_OID = 20;

const CONNECTION_TIMEOUT_MS = 10_000;
/** A server that is gone without a word is noticed by the keep-alive of TCP. */
const KEEP_ALIVE_DELAY_MS = 10_000;

/**
 * What a server that is gone without a word, or hangs, has locked is let go soon: PostgreSQL looks after its connections
 * (after 10 + 3 × 5 s), and ends transactions in which nothing happens.
 */
const SERVER_SIDE = [
  ...['tcp_keepalives_idle=10', 'tcp_keepalives_interval=5', 'tcp_keepalives_count=3'],
  'idle_in_transaction_session_timeout=60000',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

export type ConnectionSettings = pg.ClientConfig;

/**
 * Settings of `pg` for an address `postgres://user@host/database?sslmode=…`. The password comes from PGPASSWORD or from
 * the file of PGPASSFILE, both read by `pg` itself.
 * @throws NodeosError INPUT_INVALID
 */
export function connectionSettings(address: string): ConnectionSettings {
  return {
    connectionString: address,
    application_name: 'nodeos-server',
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    options: SERVER_SIDE,
    types: { getTypeParser: (oid, format) => (oid === BIGINT_OID ? Number : pg.types.getTypeParser(oid, format)) },
  };
}

/** The pool as Kysely wants it: what PostgreSQL's text cannot hold is replaced, a lost server is a coded error. */
export function kyselyPool(pool: pg.Pool): PostgresPool {
  const coded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw storeError(error);
    }
  };
  return {
    options: {},
    end: () => pool.end(),
    connect: async () => {
      const client = await coded(() => pool.connect());
      // One that breaks between two queries says so; without a listener that would end the process.
      client.on('error', ignore);
      return {
        query: (text: string, values: readonly unknown[] = []) =>
          coded(() => client.query(text, values.map(withoutNul)) as Promise<never>),
        release: () => {
          client.off('error', ignore);
          client.release();
        },
      } as unknown as Awaited<ReturnType<PostgresPool['connect']>>;
    },
  };
}

function ignore(): void {
  // The next query on it fails.
}

/** U+0000 is the one character that PostgreSQL's text has not. */
function withoutNul(value: unknown): unknown {
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\ufffd') : value;
}

const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
]);
/** Classes of SQLSTATE (PostgreSQL, appendix A): connection, authorisation, no such database, resources, shutdown. */
const STATE_CLASSES = /^(08|28|3D|53|57P)/;

/** A coded error where the database cannot be reached or does not let us in; other errors stay what they are. */
export function storeError(error: unknown): unknown {
  const { code, message } = error as { code?: string; message?: string };
  const lost = /Connection terminated|timeout exceeded when trying to connect/.test(message ?? '');
  if (!lost && !(code !== undefined && (NETWORK_CODES.has(code) || STATE_CLASSES.test(code)))) return error;
  return new NodeosError('STORE_UNREACHABLE', `the database does not answer: ${message || code}`, { cause: error });
}
