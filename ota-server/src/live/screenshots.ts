import { randomBytes } from 'node:crypto';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { ScreenshotAnswer } from '@nodeos/contracts/screen.ts';
import type { Broker } from '../broker/broker.ts';
import { SERVER_LIMITS } from '../limits.ts';
import { screenPng } from './screen-png.ts';

interface Waiting {
  readonly deviceId: string;
  readonly settle: (answer: ScreenshotAnswer | null) => void;
}

/** Asks devices what their screens show. */
export class Screenshots {
  readonly #broker: Pick<Broker, 'tell'>;
  readonly #waitMs: number;
  readonly #waiting = new Map<string, Waiting>();

  constructor(broker: Pick<Broker, 'tell'>, waitMs: number = SERVER_LIMITS.screenshotWaitMs) {
    this.#broker = broker;
    this.#waitMs = waitMs;
  }

  /** @returns a PNG. @throws NodeosError DEVICE_OFFLINE, SCREEN_UNAVAILABLE, INPUT_INVALID */
  async take(deviceId: string): Promise<Buffer> {
    const request = randomBytes(16).toString('hex');
    const { promise, resolve } = Promise.withResolvers<ScreenshotAnswer | null>();
    this.#waiting.set(request, { deviceId, settle: resolve });
    const timer = setTimeout(() => resolve(null), this.#waitMs);
    try {
      if (!(await this.#broker.tell(deviceId, { kind: 'screenshot', request })))
        throw new NodeosError('DEVICE_OFFLINE', `device ${deviceId} is not connected`);
      const answer = await promise;
      if (answer === null)
        throw new NodeosError('DEVICE_OFFLINE', `device ${deviceId} has sent no picture within ${this.#waitMs} ms`);
      if (answer.state === 'none')
        throw new NodeosError('SCREEN_UNAVAILABLE', `device ${deviceId} gives no picture: ${answer.reason}`);
      return await screenPng(answer.geometry, Buffer.from(answer.frame, 'base64'));
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(request);
    }
  }

  /** Whether this device was asked for it, and has not answered. */
  expects(deviceId: string, request: string): boolean {
    return this.#waiting.get(request)?.deviceId === deviceId;
  }

  receive(request: string, answer: ScreenshotAnswer): void {
    this.#waiting.get(request)?.settle(answer);
  }

  closeAll(): void {
    for (const { settle } of this.#waiting.values()) settle(null);
  }
}
