import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import type { Tell } from '@nodeos/contracts/mqtt.ts';
import { delay } from '../src/backoff.ts';
import type { ServerHttp } from '../src/ports.ts';
import type { ClientIdentity } from '../src/transport/http.ts';
import { type Broker, connectBroker } from '../src/transport/mqtt.ts';
import { openSession, type Session, type SessionOptions } from '../src/transport/session.ts';
import type { Character } from './character.ts';

export interface ConnectionOptions {
  readonly fleet: FleetFile;
  readonly deviceId: string;
  readonly client: ClientIdentity;
  readonly session: Omit<SessionOptions, 'onOnline' | 'onOffline' | 'onRejected' | 'log'>;
  readonly onOnline: () => void;
  readonly onOffline: () => void;
  readonly onRejected: () => void;
  readonly onTell: (tell: Tell) => void;
}

export interface Connection {
  readonly session: Session;
  close(): Promise<void>;
  /** The network goes, or is back. */
  reach(up: boolean): Promise<void>;
}

/** The device's own session and broker connection, put together as on a device. */
export function openConnection(options: ConnectionOptions): Connection {
  const { fleet, deviceId, client } = options;
  let broker: Broker | null = null;
  let open = true;
  const connect = (): void => {
    if (!open) return;
    broker ??= connectBroker({
      ...{ url: fleet.broker, deviceId, identity: client, ca: fleet.ca, log: () => {}, onReplInput: () => {} },
      onTell: options.onTell,
      onConnected() {
        options.onOnline();
        // What was told while the connection was down is lost: ask.
        session.poll();
      },
      onDisconnected: options.onOffline,
    });
    broker.retryNow();
  };
  const session = openSession({
    ...options.session,
    ...{ log: () => {}, onOnline: connect, onOffline: () => {}, onRejected: options.onRejected },
  });
  const hangUp = async (): Promise<void> => {
    const last = broker;
    broker = null;
    await last?.close();
  };
  return {
    session,
    async close() {
      open = false;
      session.close();
      await hangUp();
    },
    async reach(up) {
      if (!up) return hangUp();
      connect();
      session.retryNow();
    },
  };
}

/** A network that is lost again and again, where the device is one to which that happens. */
export class Network {
  readonly #character: Character;
  #up = true;

  constructor(character: Character) {
    this.#character = character;
  }

  through(http: ServerHttp, onAnswered: (milliseconds: number) => void = () => {}): ServerHttp {
    return {
      request: async (method, path, options) => {
        if (!this.#up) throw new NodeosError('FETCH_FAILED', 'the simulated network is down');
        const began = performance.now();
        const answer = await http.request(method, path, options);
        onAnswered(performance.now() - began);
        return answer;
      },
    };
  }

  /** Until the signal is given. */
  async flap(signal: AbortSignal, change: (up: boolean) => Promise<void>): Promise<void> {
    const { offline } = this.#character;
    while (offline !== null && !signal.aborted) {
      await delay(this.#up ? offline.everyMs : offline.forMs, signal);
      if (signal.aborted) break;
      this.#up = !this.#up;
      await change(this.#up);
    }
    this.#up = true;
  }
}
