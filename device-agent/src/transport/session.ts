import { setImmediate as nextTurn } from 'node:timers/promises';
import { CONFIGURATIONS_HEADER, type Configurations } from '@nodeos/contracts/app-configuration.ts';
import { type DesiredState, desiredStateSchema, FORCE_HEADER } from '@nodeos/contracts/desired-state.ts';
import { DEVICE_ROUTES, type DeviceReport } from '@nodeos/contracts/device-api.ts';
import { describeError, NodeosError } from '@nodeos/contracts/errors.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import type { EventQueue } from '../event-queue.ts';
import type { ServerAnswer, ServerHttp, Updater } from '../ports.ts';
import { discard, readJson } from './answer.ts';
import { repeat } from './repeat.ts';
import { retryAfterMs, ServerBusy } from './retry-after.ts';

/** Changes come in bursts; one report tells of all of them. */
const REPORT_AFTER_MS = 150;

export interface SessionOptions {
  readonly http: ServerHttp;
  readonly updater: Pick<Updater, 'apply' | 'serverReachable' | 'acknowledge'>;
  readonly events: EventQueue;
  readonly buildReport: () => Promise<DeviceReport>;
  readonly onOnline: () => void;
  /** Told when the server stops answering, and why. */
  readonly onOffline: (reason: string) => void;
  /** The certificate is not (or no longer) one of the server's. */
  readonly onRejected: () => void;
  /** Keeps what apps are configured with; without it the server is not asked for that. */
  readonly onConfigurations?: (configurations: Configurations) => Promise<void>;
  readonly log: (text: string) => void;
  readonly pollIntervalMs?: number;
  readonly reportIntervalMs?: number;
}
export interface Session {
  /** Asks for the desired state now, or after so many milliseconds. */
  poll(afterMs?: number): void;
  /** Reports in a moment, together with what else comes up until then. */
  reportSoon(): void;
  /** Resolves when a report with the state of now was sent, or could not be. */
  report(): Promise<void>;
  /** The network is another: what failed before may work now. */
  retryNow(): void;
  close(): void;
}

/** Talks with the server over HTTPS: asks what it wants, tells how things are. MQTT only hastens it. */
export function openSession(options: SessionOptions): Session {
  const { http, updater, events, log } = options;
  let etag: string | null = null;
  let online: boolean | null = null;
  let closed = false;

  const onFault = (error: unknown): void => {
    if (online !== false) log(describeError(error));
  };
  const pollMs = options.pollIntervalMs ?? DEVICE_LIMITS.pollIntervalMs;
  const reportMs = options.reportIntervalMs ?? DEVICE_LIMITS.reportIntervalMs;
  const soonMs = Math.min(pollMs, reportMs) / 2;
  // What a device that has nothing to do costs is the connection, more than what is said over it: both go over one.
  const polling = repeat({ intervalMs: pollMs, soonMs, onTime: () => reporting.nowIfSoon() }, poll, onFault);
  const reporting = repeat({ intervalMs: reportMs, soonMs, onTime: () => polling.nowIfSoon() }, sendReport, onFault);

  let turn: Promise<void> = Promise.resolve();
  /**
   * Requests one after the other, over the connection that is kept. Nothing else belongs into a turn: a disk that does
   * not answer must not keep the device from asking, nor from reporting.
   * @returns null where the session has ended
   */
  function inTurn<T>(work: () => Promise<T>): Promise<T | null> {
    const done = turn.then(() => (closed ? null : work()));
    // The connection is free once the events of the answer's end have passed.
    turn = done.then(nextTurn, nextTurn);
    return done;
  }

  async function poll(): Promise<void> {
    // What it was to ask for later comes with this answer.
    if (later) clearTimeout(later);
    later = null;
    const found = await inTurn(askDesired);
    if (found === null) return;
    const { configurations, ...desired } = found.state;
    // Before an update that may need them.
    if (configurations) await options.onConfigurations?.(configurations);
    etag = found.etag;
    updater.apply(desired);
    // Also where there is nothing to do: the server waits to hear that the device has heard.
    reportSoon();
  }

  /** Null where it is what it was. */
  async function askDesired(): Promise<{ state: DesiredState; etag: string | null } | null> {
    const headers: Record<string, string> = {
      ...(etag !== null && { 'if-none-match': etag }),
      [FORCE_HEADER]: '1',
      ...(options.onConfigurations && { [CONFIGURATIONS_HEADER]: '1' }),
    };
    const answer = await ask('GET', DEVICE_ROUTES.desired, { headers });
    if (answer.status === 304) {
      await discard(answer);
      return null;
    }
    const state: DesiredState = validate(desiredStateSchema, await readJson(answer), 'desired state');
    return { state, etag: answer.headers.etag ?? null };
  }

  async function sendReport(): Promise<void> {
    const report = await options.buildReport();
    if (!(await inTurn(() => send(DEVICE_ROUTES.report, report)))) return;
    await updater.acknowledge(report.updates);
    const waiting = [...events.waiting()];
    if (waiting.length === 0) return;
    if (await inTurn(() => send(DEVICE_ROUTES.events, { events: waiting }))) events.sent(waiting);
  }

  async function send(path: string, json: unknown): Promise<true> {
    await discard(await ask('POST', path, { json }));
    return true;
  }

  async function ask(method: 'GET' | 'POST', path: string, request: Parameters<ServerHttp['request']>[2]) {
    let answer: ServerAnswer;
    try {
      answer = await http.request(method, path, request);
    } catch (error) {
      setOnline(false, describeError(error));
      throw error;
    }
    if (answer.status < 400) {
      setOnline(true);
      updater.serverReachable();
      return answer;
    }
    await discard(answer);
    const waitMs = retryAfterMs(answer, Date.now());
    if (waitMs !== null) {
      // It is there, and so is the way to it.
      updater.serverReachable();
      throw new ServerBusy(`the server is busy: ${answer.status} to ${method} ${path}`, waitMs);
    }
    setOnline(false, `the server answered ${answer.status} to ${path}`);
    if (answer.status === 401) options.onRejected();
    throw new NodeosError('FETCH_FAILED', `the server answered ${answer.status} to ${method} ${path}`);
  }

  function setOnline(value: boolean, reason = ''): void {
    if (online === value) return;
    online = value;
    if (value) options.onOnline();
    else options.onOffline(reason);
  }

  let later: NodeJS.Timeout | null = null;
  let soon: NodeJS.Timeout | null = null;
  function reportSoon(): void {
    if (closed) return;
    soon ??= setTimeout(() => {
      soon = null;
      void reporting.now();
    }, REPORT_AFTER_MS);
  }
  void polling.now();
  // After the question, by its turn.
  void reporting.now();
  return {
    poll(afterMs = 0) {
      if (closed) return;
      if (afterMs > 0) later ??= setTimeout(() => void polling.now(), afterMs);
      else void polling.now();
    },
    reportSoon,
    report: () => reporting.now(),
    retryNow() {
      polling.retryNow();
      reporting.retryNow();
    },
    close() {
      closed = true;
      for (const timer of [soon, later]) if (timer) clearTimeout(timer);
      polling.stop();
      reporting.stop();
    },
  };
}
