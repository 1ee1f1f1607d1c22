import { randomBytes } from 'node:crypto';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import pg from 'pg';
import type { NodeBus, NodeListener, NodeMessage } from '../node-bus.ts';
import { type ConnectionSettings, storeError } from './connection.ts';

const CHANNEL = 'nodeos';
/** PostgreSQL takes 8000 octets in one notification. */
const PAYLOAD_MAX_BYTES = 7_500;
const GATHER_MS = 20;
const RECONNECT_MS = 500;
const PULSE_MS = 10_000;
const ANSWER_LIMIT_MS = 10_000;
/** More than this have piled up only where the database is away: the others are told to look at everything. */
const WAITING_MAX = 10_000;
const SERVER_LOCK = `hashtextextended('nodeos server', 0)`;

interface Payload {
  readonly from: string;
  /** Null: more than could be said. */
  readonly messages: readonly NodeMessage[] | null;
}

export interface PostgresBus extends NodeBus {
  close(): Promise<void>;
}

/**
 * Joins the servers of a database: LISTEN and NOTIFY on a connection of its own, which also says for as long as it
 * stands that there is a server here.
 * @param alone this server cannot share its devices with others, so there must be none
 * @throws NodeosError CONFLICT where the servers that are there and this one do not go together, STORE_UNREACHABLE
 */
export async function joinNodes(settings: ConnectionSettings, alone: boolean): Promise<PostgresBus> {
  const self = randomBytes(8).toString('hex');
  const waiting = new Map<string, NodeMessage>();
  let overflowed = false;
  let listener: NodeListener | null = null;
  let client: pg.Client | null = null;
  let gathering: NodeJS.Timeout | undefined;
  let reconnecting: NodeJS.Timeout | undefined;
  let sending: Promise<void> | null = null;
  let closed = false;

  const connect = async (): Promise<void> => {
    const next = new pg.Client({ ...settings, query_timeout: ANSWER_LIMIT_MS });
    let opened = false;
    next.on('error', () => undefined);
    next.once('end', () => {
      if (client === next) client = null;
      if (opened) reconnectSoon();
    });
    try {
      await next.connect();
      await next.query(`listen ${CHANNEL}`);
      await takePlace(next, alone);
    } catch (error) {
      await next.end().catch(() => undefined);
      throw storeError(error);
    }
    opened = true;
    next.on('notification', ({ payload = '' }) => receive(payload));
    client = next;
  };
  const reconnectSoon = (): void => {
    if (closed) return;
    reconnecting = setTimeout(() => {
      connect().then(() => {
        listener?.missed();
        flushSoon();
      }, reconnectSoon);
    }, RECONNECT_MS).unref();
  };
  /** One that does not answer is given up, so that it is made anew. */
  const ask = async (text: string, values: string[] = []): Promise<boolean> => {
    const asked = client;
    if (asked === null) return false;
    try {
      await asked.query(text, values);
      return true;
    } catch {
      asked.connection.stream.destroy();
      return false;
    }
  };

  function receive(text: string): void {
    const { from, messages } = JSON.parse(text) as Payload;
    if (from === self) return;
    if (messages === null) listener?.missed();
    else for (const message of messages) listener?.receive(message);
  }

  const isPending = (): boolean => client !== null && (waiting.size > 0 || overflowed);

  function flushSoon(): void {
    if (closed || gathering !== undefined || sending !== null || !isPending()) return;
    gathering = setTimeout(() => {
      gathering = undefined;
      sending = flush().finally(() => {
        sending = null;
        flushSoon();
      });
    }, GATHER_MS);
  }

  async function flush(): Promise<void> {
    while (isPending()) {
      const all = overflowed;
      const taken = all ? [...waiting] : fitting(waiting);
      // Before it is sent: what is said again meanwhile is another message.
      for (const [key] of taken) waiting.delete(key);
      overflowed = false;
      const payload: Payload = { from: self, messages: all ? null : taken.map(([, message]) => message) };
      if (await ask('select pg_notify($1, $2)', [CHANNEL, JSON.stringify(payload)])) continue;
      for (const [key, message] of taken) waiting.set(key, message);
      overflowed ||= all;
      return;
    }
  }

  await connect();
  // A connection to a machine that is gone without a word looks alive until it is used.
  const pulse = setInterval(() => void ask('select 1'), PULSE_MS).unref();
  return {
    send(message) {
      if (waiting.size >= WAITING_MAX) overflowed = true;
      else waiting.set(JSON.stringify(message), message);
      flushSoon();
    },
    listen(next) {
      listener = next;
    },
    async close() {
      clearInterval(pulse);
      clearTimeout(gathering);
      await sending;
      await flush();
      closed = true;
      clearTimeout(reconnecting);
      await client?.end().catch(() => undefined);
    },
  };
}

/** Holds a lock for as long as the connection stands: alone, or together with others that are not alone. */
async function takePlace(client: pg.Client, alone: boolean): Promise<void> {
  const take = alone ? 'pg_try_advisory_lock' : 'pg_try_advisory_lock_shared';
  const { rows } = await client.query<{ taken: boolean }>(`select ${take}(${SERVER_LOCK}) as taken`);
  if (rows[0]?.taken) return;
  throw new NodeosError('CONFLICT', 'another server uses the database', {
    hint: alone
      ? 'Stop the other server, or give both the same external broker with --broker.'
      : 'The other server has its own broker: stop it, or give it the same external broker with --broker.',
  });
}

/** As many from the front as one notification holds. */
function fitting(waiting: ReadonlyMap<string, NodeMessage>): [string, NodeMessage][] {
  const taken: [string, NodeMessage][] = [];
  let bytes = 64;
  for (const [key, message] of waiting) {
    bytes += Buffer.byteLength(key) + 1;
    if (bytes > PAYLOAD_MAX_BYTES && taken.length > 0) break;
    taken.push([key, message]);
  }
  return taken;
}
