import { randomBytes } from 'node:crypto';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { ReplMessage, Tell } from '@nodeos/contracts/mqtt.ts';
import type { Broker } from '../broker/broker.ts';
import { SERVER_LIMITS } from '../limits.ts';

/** A session of one kind is none of another: each has its own right. */
export type SessionKind = 'repl' | 'development';

interface Session {
  readonly deviceId: string;
  readonly kind: SessionKind;
  /** Output that came before anybody listened. */
  readonly waiting: ReplMessage[];
  receive: ((message: ReplMessage) => void) | null;
  timer: NodeJS.Timeout;
}

/** Bridges a terminal of the operator to a REPL on a device, or a developer's command to a development session. */
export class ReplSessions {
  readonly #broker: Pick<Broker, 'tell' | 'sendRepl'>;
  readonly #sessions = new Map<string, Session>();

  constructor(broker: Pick<Broker, 'tell' | 'sendRepl'>) {
    this.#broker = broker;
  }

  /** @throws NodeosError DEVICE_OFFLINE */
  async open(deviceId: string, kind: SessionKind, tell: (id: string) => Tell): Promise<string> {
    const id = randomBytes(16).toString('hex');
    this.#sessions.set(id, { deviceId, kind, waiting: [], receive: null, timer: this.#idleTimer(id) });
    if (await this.#broker.tell(deviceId, tell(id))) return id;
    this.#forget(id);
    throw new NodeosError('DEVICE_OFFLINE', `device ${deviceId} is not connected`);
  }

  /** @throws NodeosError NOT_FOUND, DEVICE_OFFLINE */
  async send(deviceId: string, kind: SessionKind, id: string, data: string, end: boolean): Promise<void> {
    const session = this.#get(deviceId, kind, id);
    clearTimeout(session.timer);
    session.timer = this.#idleTimer(id);
    const sent = await this.#broker.sendRepl(deviceId, { session: id, data, end });
    if (!sent) throw new NodeosError('DEVICE_OFFLINE', `device ${deviceId} is not connected`);
    if (end) this.#forget(id);
  }

  /** Delivers what came so far and what comes; a second listener takes the place of the first. @throws NodeosError NOT_FOUND */
  listen(deviceId: string, kind: SessionKind, id: string, receive: (message: ReplMessage) => void): () => void {
    const session = this.#get(deviceId, kind, id);
    session.receive = receive;
    for (const message of session.waiting.splice(0)) this.#deliver(id, session, message);
    return () => {
      if (session.receive === receive) session.receive = null;
    };
  }

  /** A message came from a device; those of unknown or foreign sessions are dropped. */
  receive(deviceId: string, message: ReplMessage): void {
    const session = this.#sessions.get(message.session);
    if (session === undefined || session.deviceId !== deviceId) return;
    if (session.receive !== null) this.#deliver(message.session, session, message);
    else if (session.waiting.length < SERVER_LIMITS.replBufferedMessages) session.waiting.push(message);
  }

  /** The device is gone: its sessions end. */
  deviceLeft(deviceId: string): void {
    for (const [id, session] of this.#sessions)
      if (session.deviceId === deviceId) this.receive(deviceId, { session: id, data: '', end: true });
  }

  closeAll(): void {
    for (const id of [...this.#sessions.keys()]) this.#forget(id);
  }

  #deliver(id: string, session: Session, message: ReplMessage): void {
    session.receive?.(message);
    if (message.end) this.#forget(id);
  }

  #get(deviceId: string, kind: SessionKind, id: string): Session {
    const session = this.#sessions.get(id);
    if (session === undefined || session.deviceId !== deviceId || session.kind !== kind)
      throw new NodeosError('NOT_FOUND', `there is no ${kind} session ${id.slice(0, 64)} of device ${deviceId}`);
    return session;
  }

  #forget(id: string): void {
    clearTimeout(this.#sessions.get(id)?.timer);
    this.#sessions.delete(id);
  }

  #idleTimer(id: string): NodeJS.Timeout {
    return setTimeout(() => this.#forget(id), SERVER_LIMITS.replIdleMs).unref();
  }
}
