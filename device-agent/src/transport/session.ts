import { CONFIGURATIONS_HEADER, type Configurations } from '@nodeos/contracts/app-configuration.ts';
import { type DesiredState, desiredStateSchema } from '@nodeos/contracts/desired-state.ts';
import { DEVICE_ROUTES, type DeviceReport } from '@nodeos/contracts/device-api.ts';
import { describeError, NodeosError } from '@nodeos/contracts/errors.ts';
import { DEVICE_LIMITS } from '@nodeos/contracts/limits.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { backoffDelay } from '../backoff.ts';
import type { EventQueue } from '../event-queue.ts';
import type { ServerAnswer, ServerHttp, Updater } from '../ports.ts';
import { discard, readJson } from './answer.ts';
import { retryAfterMs, ServerBusy } from './retry-after.ts';

const RETRY_BACKOFF = { baseMs: 200, capMs: 30_000 };
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
  /** Asks for the desired state now. */
  poll(): void;
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

  const polling = repeat(options.pollIntervalMs ?? DEVICE_LIMITS.pollIntervalMs, poll);
  const reporting = repeat(options.reportIntervalMs ?? DEVICE_LIMITS.reportIntervalMs, sendReport);

  async function poll(): Promise<void> {
    const headers: Record<string, string> = {
      ...(etag !== null && { 'if-none-match': etag }),
      ...(options.onConfigurations && { [CONFIGURATIONS_HEADER]: '1' }),
    };
    const answer = await ask('GET', DEVICE_ROUTES.desired, { headers });
    if (answer.status === 304) {
      discard(answer);
      return;
    }
    const state: DesiredState = validate(desiredStateSchema, await readJson(answer), 'desired state');
    const { configurations, ...desired } = state;
    // Before an update that may need them.
    if (configurations) await options.onConfigurations?.(configurations);
    etag = answer.headers.etag ?? null;
    updater.apply(desired);
    // Also where there is nothing to do: the server waits to hear that the device has heard.
    reportSoon();
  }

  async function sendReport(): Promise<void> {
    const report = await options.buildReport();
    discard(await ask('POST', DEVICE_ROUTES.report, { json: report }));
    await updater.acknowledge(report.updates);
    const waiting = [...events.waiting()];
    if (waiting.length === 0) return;
    discard(await ask('POST', DEVICE_ROUTES.events, { json: { events: waiting } }));
    events.sent(waiting);
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
    discard(answer);
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

  /** Calls `work` now, on demand and at intervals; after a failure sooner, with growing waits. Never twice at once. */
  function repeat(intervalMs: number, work: () => Promise<void>) {
    let timer: NodeJS.Timeout | null = null;
    let running: Promise<void> | null = null;
    let again = false;
    let failures = 0;
    let askedToWaitMs: number | null = null;

    async function run(): Promise<void> {
      do {
        again = false;
        try {
          await work();
          failures = 0;
          askedToWaitMs = null;
        } catch (error) {
          failures++;
          askedToWaitMs = error instanceof ServerBusy ? error.waitMs : null;
          if (failures === 1 && online !== false) log(describeError(error));
        }
      } while (again && failures === 0 && !closed);
      running = null;
      // Half a tenth more or less, so that a fleet does not come in step.
      let nextMs = failures > 0 ? backoffDelay(failures, RETRY_BACKOFF) : intervalMs * (0.95 + Math.random() / 10);
      // The server gives each device its own moment.
      if (askedToWaitMs !== null) nextMs = askedToWaitMs * (1 + Math.random() / 20);
      if (!closed) timer = setTimeout(() => void now(), nextMs);
    }
    function now(): Promise<void> {
      if (closed) return Promise.resolve();
      if (running) {
        again = true;
        return running;
      }
      if (timer) clearTimeout(timer);
      running = run();
      return running;
    }
    return {
      now,
      retryNow() {
        if (failures === 0) return;
        failures = 0;
        void now();
      },
      stop: () => timer && clearTimeout(timer),
    };
  }

  let soon: NodeJS.Timeout | null = null;
  function reportSoon(): void {
    if (closed) return;
    soon ??= setTimeout(() => {
      soon = null;
      void reporting.now();
    }, REPORT_AFTER_MS);
  }
  void polling.now();
  void reporting.now();
  return {
    poll: () => void polling.now(),
    reportSoon,
    report: () => reporting.now(),
    retryNow() {
      polling.retryNow();
      reporting.retryNow();
    },
    close() {
      closed = true;
      if (soon) clearTimeout(soon);
      polling.stop();
      reporting.stop();
    },
  };
}
