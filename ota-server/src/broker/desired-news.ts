import type { DeviceReport, UpdateStatus } from '@nodeos/contracts/device-api.ts';
import type { Tell } from '@nodeos/contracts/mqtt.ts';
import { heldReason } from '../deployments/held.ts';
import { SERVER_LIMITS } from '../limits.ts';
import type { Broker } from './broker.ts';
import { Patience } from './patience.ts';

/** What keeps the server busy with a device; what comes after it the device does by itself. */
const BUSY: ReadonlySet<UpdateStatus['state']> = new Set(['fetching', 'verifying', 'installing']);

/** A device that was called, or came by itself. */
interface Caller {
  readonly generation: number;
  /** When it was called, or asked. */
  readonly since: number;
  readonly hasAsked: boolean;
  readonly timer: NodeJS.Timeout;
}

/**
 * Tells devices that they are to ask what is wanted of them. All are told at once, but few are to ask at once: they
 * would only wait for each other. The others get a moment far enough away that any server can keep it, and are called
 * before it, each when one of those that were called has got what is new, or is not waited for any more; so the pace is
 * that of the machine.
 */
export class DesiredNews {
  readonly #broker: Pick<Broker, 'tell' | 'isOnline'>;
  readonly #shared: boolean;
  readonly #now: () => number;
  /** Devices that were called, or came by themselves, and have not got what is new yet. */
  readonly #busy = new Map<string, Caller>();
  readonly #patience = new Patience();
  /** Devices that wait to be called, with the generation that they are told of. */
  readonly #waiting = new Map<string, number>();
  /** The first moment that was not yet given to anybody. */
  #nextFreeMs = Number.NEGATIVE_INFINITY;
  /** Until then messages are on their way. */
  #tellingUntilMs = Number.NEGATIVE_INFINITY;

  /**
   * @param shared devices may ask another server, so that no question says nothing
   * @param now milliseconds of a clock that never jumps
   */
  constructor(broker: Pick<Broker, 'tell' | 'isOnline'>, shared: boolean, now: () => number = () => performance.now()) {
    this.#broker = broker;
    this.#shared = shared;
    this.#now = now;
  }

  /**
   * Resolves when the devices have heard of it, as far as that can be said.
   * @param devices with the generation of their desired state. @returns those that were told: the others are not there
   */
  async tell(devices: ReadonlyMap<string, number>): Promise<string[]> {
    const there = [...devices].filter(([deviceId]) => this.#broker.isOnline(deviceId));
    const mayAsk = SERVER_LIMITS.desiredAsksAtOnce - this.#busy.size;
    if (there.length <= mayAsk)
      return toldOf(there.map(async ([id, generation]) => ((await this.#call(id, generation)) ? id : null)));
    const tellingMs = (there.length * 1000) / SERVER_LIMITS.desiredTellsPerSecond;
    this.#tellingUntilMs = Math.max(this.#tellingUntilMs, this.#now() + tellingMs);
    const told = await toldOf(
      there.map(async ([id, generation]) => {
        this.#waiting.set(id, generation);
        return (await this.#broker.tell(id, desiredChanged(generation, this.#takeMoment()))) ? id : null;
      }),
    );
    // A broker takes a message before the device has it, and who asks takes time from those that are still to be told.
    for (let ms = this.#tellingMs(); ms > 0; ms = this.#tellingMs())
      await new Promise((resolve) => setTimeout(resolve, Math.ceil(ms)));
    this.#callNext();
    return told;
  }

  /**
   * The device asks for its desired state, called or not.
   * @returns false: too many are at it already. It is called when it has its turn
   */
  asked(deviceId: string): boolean {
    const waiting = this.#waiting.get(deviceId);
    if (waiting !== undefined && this.#busy.size >= SERVER_LIMITS.desiredBusyAtOnce) return false;
    const called = this.#busy.get(deviceId);
    if (called?.hasAsked === false) this.#patience.note(this.#now() - called.since);
    const generation = waiting ?? called?.generation;
    if (generation === undefined) return true;
    this.#waiting.delete(deviceId);
    this.#begin(deviceId, generation, true);
    return true;
  }

  /** The device reports: where it has got what it was called for, another one may come. */
  reported(deviceId: string, { generation, updates }: Pick<DeviceReport, 'generation' | 'updates'>): void {
    const called = this.#busy.get(deviceId);
    if (called === undefined || (generation ?? -1) < called.generation) return;
    if (!updates.some((update) => BUSY.has(update.state) && heldReason(update) === null)) this.#end(deviceId);
  }

  #begin(deviceId: string, generation: number, hasAsked: boolean): void {
    clearInterval(this.#busy.get(deviceId)?.timer);
    const since = this.#now();
    // It may be away, on a slow line, or ask another server.
    const timer = setInterval(() => this.#look(deviceId), SERVER_LIMITS.desiredCallMs).unref();
    this.#busy.set(deviceId, { generation, since, hasAsked, timer });
  }

  #look(deviceId: string): void {
    const { since, hasAsked } = this.#busy.get(deviceId) as Caller;
    const waitedMs = this.#now() - since;
    if (!hasAsked && !this.#shared) this.#patience.note(waitedMs);
    if (waitedMs >= this.#patience.ms || !this.#broker.isOnline(deviceId)) this.#end(deviceId);
  }

  #end(deviceId: string): void {
    clearInterval(this.#busy.get(deviceId)?.timer);
    if (this.#busy.delete(deviceId)) this.#callNext();
  }

  async #call(deviceId: string, generation: number): Promise<boolean> {
    this.#begin(deviceId, generation, false);
    const isTold = await this.#broker.tell(deviceId, desiredChanged(generation, 0));
    if (!isTold) this.#end(deviceId);
    return isTold;
  }

  /** For how long messages are still on their way. */
  #tellingMs(): number {
    return this.#tellingUntilMs - this.#now();
  }

  #callNext(): void {
    if (this.#tellingMs() > 0) return;
    for (const [deviceId, generation] of this.#waiting) {
      if (this.#busy.size >= SERVER_LIMITS.desiredAsksAtOnce) return;
      this.#waiting.delete(deviceId);
      // One that is not reached has its moment still, and asks when it comes back.
      this.#call(deviceId, generation).catch(() => undefined);
    }
  }

  #takeMoment(): number {
    const { desiredAsksPerSecond: perSecond, desiredAskAfterMaxMs } = SERVER_LIMITS;
    const now = this.#now();
    // Those for whom there is no moment left ask in that time by themselves.
    this.#nextFreeMs = Math.min(
      Math.max(this.#nextFreeMs, this.#tellingUntilMs, now) + 1000 / perSecond,
      now + desiredAskAfterMaxMs,
    );
    return Math.max(1, Math.round(this.#nextFreeMs - now));
  }
}

function desiredChanged(generation: number, afterMs: number): Tell {
  return { kind: 'desired-changed', generation, ...(afterMs > 0 && { afterMs }) };
}

async function toldOf(devices: readonly Promise<string | null>[]): Promise<string[]> {
  return (await Promise.all(devices)).filter((id) => id !== null);
}
