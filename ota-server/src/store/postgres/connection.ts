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

/** SQLSTATE of a prepared statement whose columns are others now: feature_not_supported. */
export const CHANGED_UNDERNEATH = '0A000';
/** Statements that a connection keeps prepared: more than the server has of its own. */
const PREPARED_MAX = 300;
/** Longer ones are lists of values, of which no two need have the same length. */
const PREPARED_MAX_CHARACTERS = 2_000;
/** How a list is looked through depends on its length, so it is planned each time. */
const LISTS = /\bany\(/;

/**
 * The pool as Kysely wants it: what PostgreSQL's text cannot hold is replaced, a lost server is a coded error, and
 * statements are prepared, because to plan most of them takes longer than to run them.
 */
export function kyselyPool(pool: pg.Pool): PostgresPool {
  const names = new Map<string, string>();
  let prepares = true;
  const nameOf = (text: string): string | undefined => {
    const known = names.get(text);
    if (known !== undefined || names.size >= PREPARED_MAX) return known;
    if (text.length > PREPARED_MAX_CHARACTERS || LISTS.test(text)) return undefined;
    const name = `nodeos_${names.size}`;
    names.set(text, name);
    return name;
  };
  const query = async (client: pg.PoolClient, text: string, values: readonly unknown[]) => {
    const plain = { text, values: values.map(withoutNul) };
    const name = prepares && values.length > 0 ? nameOf(text) : undefined;
    if (name === undefined) return client.query(plain);
    try {
      return await client.query({ ...plain, name });
    } catch (error) {
      if ((error as { code?: string }).code !== CHANGED_UNDERNEATH) throw error;
      // A newer server has changed the tables. Within a transaction this fails as well, and it is run again.
      prepares = false;
      return client.query(plain).catch(() => {
        throw error;
      });
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
        query: (text: string, values: readonly unknown[] = []) => coded(() => query(client, text, values)),
        release: () => {
          client.off('error', ignore);
          client.release();
        },
      } as unknown as Awaited<ReturnType<PostgresPool['connect']>>;
    },
  };
}

async function coded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error);
  }
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
