import type { DeviceEvents } from '@nodeos/contracts/device-api.ts';

export type DeviceEvent = DeviceEvents['events'][number];

/** Events wait here for the server; where too many do, the oldest go. */
const WAITING_MAX = 200;
const TEXT_MAX_CHARACTERS = 2_000;

export interface EventQueue {
  add(kind: DeviceEvent['kind'], text: string): void;
  waiting(): readonly DeviceEvent[];
  /** The server has these. */
  sent(events: readonly DeviceEvent[]): void;
}

export function createEventQueue(onAdded: () => void, now: () => number = Date.now): EventQueue {
  let events: DeviceEvent[] = [];
  return {
    add(kind, text) {
      events.push({ at: now(), kind, text: text.slice(0, TEXT_MAX_CHARACTERS) });
      events = events.slice(-WAITING_MAX);
      onAdded();
    },
    waiting: () => events,
    sent(done) {
      const known = new Set(done);
      events = events.filter((event) => !known.has(event));
    },
  };
}
