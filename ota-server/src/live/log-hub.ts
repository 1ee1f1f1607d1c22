import { randomUUID } from 'node:crypto';
import type { LogBatch } from '@nodeos/contracts/mqtt.ts';
import type { Broker } from '../broker/broker.ts';
import { SERVER_LIMITS } from '../limits.ts';

export interface LogRequest {
  readonly deviceId: string;
  /** Null for all sources. */
  readonly app: string | null;
  readonly backlog: number;
}

interface Viewer extends LogRequest {
  readonly receive: (batch: LogBatch) => void;
  /** Lines that this viewer has seen: another viewer's request makes the device send its past again. */
  readonly seen: Set<string>;
}

/** Shares each device's log stream among those who look at it, and keeps asking while somebody looks. */
export class LogHub {
  readonly #broker: Pick<Broker, 'tell'>;
  /** Other servers may have viewers of the same devices, of which this one knows nothing. */
  readonly #shared: boolean;
  readonly #viewers = new Map<string, Map<string, Viewer>>();

  constructor(broker: Pick<Broker, 'tell'>, shared = false) {
    this.#broker = broker;
    this.#shared = shared;
  }

  /** @returns ends the viewing; null where the device is offline */
  async watch(request: LogRequest, receive: (batch: LogBatch) => void): Promise<(() => void) | null> {
    const id = randomUUID();
    const viewers = this.#viewers.get(request.deviceId) ?? new Map<string, Viewer>();
    this.#viewers.set(request.deviceId, viewers);
    viewers.set(id, { ...request, receive, seen: new Set() });
    // Asked again well before the time is over, so that no line falls between.
    const timer = setInterval(() => void this.#ask(request.deviceId, 0), SERVER_LIMITS.logTellSeconds * 500);
    timer.unref();
    const stop = (): void => {
      clearInterval(timer);
      viewers.delete(id);
      if (viewers.size === 0) this.#viewers.delete(request.deviceId);
    };
    if (await this.#ask(request.deviceId, request.backlog)) return stop;
    stop();
    return null;
  }

  /** A batch came from a device. */
  receive(deviceId: string, batch: LogBatch): void {
    for (const viewer of this.#viewers.get(deviceId)?.values() ?? []) {
      const lines = batch.lines.filter(
        (line) => (viewer.app === null || line.source === viewer.app) && !viewer.seen.has(keyOf(line)),
      );
      // Only lines of earlier batches are left out: one batch may hold equal lines of one millisecond.
      for (const line of lines) viewer.seen.add(keyOf(line));
      for (const key of viewer.seen) {
        if (viewer.seen.size <= 2000) break;
        viewer.seen.delete(key);
      }
      if (lines.length > 0) viewer.receive({ lines });
    }
  }

  /** The device came back: it has forgotten who was looking. */
  resume(deviceId: string): void {
    if (this.#viewers.has(deviceId)) void this.#ask(deviceId, 0);
  }

  async #ask(deviceId: string, backlog: number): Promise<boolean> {
    const apps = new Set([...(this.#viewers.get(deviceId)?.values() ?? [])].map(({ app }) => app));
    const [only] = apps;
    const app = !this.#shared && apps.size === 1 && only !== undefined ? only : null;
    return this.#broker.tell(deviceId, { kind: 'logs', app, seconds: SERVER_LIMITS.logTellSeconds, backlog });
  }
}

function keyOf(line: LogBatch['lines'][number]): string {
  return `${line.at} ${line.source} ${line.stream} ${line.text}`;
}
