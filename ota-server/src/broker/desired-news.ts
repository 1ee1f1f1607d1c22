import { SERVER_LIMITS } from '../limits.ts';
import type { Broker } from './broker.ts';

/**
 * Tells devices that they are to ask what is wanted of them. All are told at once, and each of many is given a moment
 * of its own to ask: devices that ask at the same time would only wait for each other.
 */
export class DesiredNews {
  readonly #broker: Pick<Broker, 'tell' | 'isOnline'>;
  readonly #now: () => number;
  /** The first moment that was not yet given to anybody. */
  #nextFreeMs = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a clock that never jumps */
  constructor(broker: Pick<Broker, 'tell' | 'isOnline'>, now: () => number = () => performance.now()) {
    this.#broker = broker;
    this.#now = now;
  }

  /** @returns false for a device that is not there */
  async tell(deviceId: string, generation: number): Promise<boolean> {
    if (!this.#broker.isOnline(deviceId)) return false;
    const afterMs = this.#takeMoment();
    return this.#broker.tell(deviceId, { kind: 'desired-changed', generation, ...(afterMs > 0 && { afterMs }) });
  }

  #takeMoment(): number {
    const { desiredAsksPerSecond: perSecond, desiredAsksBurst: burst, desiredAskAfterMaxMs } = SERVER_LIMITS;
    const now = this.#now();
    this.#nextFreeMs = Math.max(this.#nextFreeMs, now - (burst * 1000) / perSecond) + 1000 / perSecond;
    const afterMs = Math.max(0, Math.round(this.#nextFreeMs - now));
    if (afterMs < desiredAskAfterMaxMs) return afterMs;
    // So many at once do not get through in that time either; they begin at the front again.
    this.#nextFreeMs = now;
    return desiredAskAfterMaxMs;
  }
}
