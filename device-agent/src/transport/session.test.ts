import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { Readable } from 'node:stream';
import { type TestContext, test } from 'node:test';
import type { DesiredState } from '@nodeos/contracts/desired-state.ts';
import type { DeviceReport, UpdateStatus } from '@nodeos/contracts/device-api.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { type EnrolContext, enrol } from '../enrol.ts';
import { createEventQueue } from '../event-queue.ts';
import type { RequestOptions, ServerAnswer, ServerHttp } from '../ports.ts';
import { openSession, type Session } from './session.ts';

type Handler = (
  method: string,
  path: string,
  options: RequestOptions,
) => { status: number; json?: unknown; etag?: string };

/** A server by a function; throws what a broken connection throws where the function gives null. */
function fakeHttp(handler: Handler | null): ServerHttp & { calls: string[]; handler: Handler | null } {
  const http = {
    calls: [] as string[],
    handler,
    async request(method: 'GET' | 'POST', path: string, options: RequestOptions = {}): Promise<ServerAnswer> {
      http.calls.push(`${method} ${path}`);
      if (!http.handler) throw new NodeosError('FETCH_FAILED', 'connection refused');
      const { status, json, etag } = http.handler(method, path, options);
      return {
        status,
        headers: { etag },
        body: Readable.from(json === undefined ? [] : [Buffer.from(JSON.stringify(json))]),
      };
    },
  };
  return http;
}

const DESIRED: DesiredState = { format: 1, generation: 4, system: null, apps: {}, removeApps: [] };
const REPORT = { updates: [{ name: 'hello' } as UpdateStatus] } as DeviceReport;

function start(t: TestContext, handler: Handler | null) {
  const http = fakeHttp(handler);
  const seen: string[] = [];
  const waiters = new Map<string, () => void>();
  const saw = (what: string) => {
    seen.push(what);
    waiters.get(what)?.();
  };
  const until = (what: string) =>
    new Promise<void>((resolve) => {
      if (seen.includes(what)) resolve();
      waiters.set(what, resolve);
    });
  let session: Session | null = null;
  const events = createEventQueue(() => session?.reportSoon());
  session = openSession({
    ...{ http, events, buildReport: async () => REPORT, log: () => {} },
    updater: {
      apply: (desired) => saw(`apply ${desired.generation}`),
      serverReachable: () => saw('reachable'),
      acknowledge: async (updates) => saw(`acknowledged ${updates.map((update) => update.name)}`),
    },
    onConfigurations: async (configurations) => saw(`configured ${JSON.stringify(configurations)}`),
    onOnline: () => saw('online'),
    onOffline: () => saw('offline'),
    onRejected: () => saw('rejected'),
  });
  t.after(() => session?.close());
  return { http, session, events, seen, until };
}

test('what was heard is told, also where there is nothing to do', async (t) => {
  let heard = false;
  const told = Promise.withResolvers<void>();
  const { session } = start(t, (method) => {
    if (method === 'GET') {
      heard = true;
      return { status: 200, json: DESIRED };
    }
    if (heard) told.resolve();
    return { status: 204 };
  });
  session.poll();
  await told.promise;
});

const healthy: Handler = (method, path, options) => {
  if (method === 'POST') return { status: 204 };
  assert.equal(path, '/device/v1/desired');
  if (options.headers?.['if-none-match'] === '"4"') return { status: 304 };
  return { status: 200, json: DESIRED, etag: '"4"' };
};

test('the desired state is asked for at once and applied once', async (t) => {
  const known: (string | undefined)[] = [];
  let askedTwice: () => void = () => {};
  const twice = new Promise<void>((resolve) => {
    askedTwice = resolve;
  });
  const { session, seen, until } = start(t, (method, path, options) => {
    if (method === 'GET' && known.push(options.headers?.['if-none-match']) === 2) askedTwice();
    return healthy(method, path, options);
  });
  await until('apply 4');
  await until('acknowledged hello');
  session.poll();
  await twice;
  await session.report();
  assert.deepEqual(known, [undefined, '"4"']);
  assert.equal(seen.filter((what) => what === 'apply 4').length, 1);
  assert.equal(seen.filter((what) => what === 'online').length, 1);
});

test('what apps are configured with is asked for and kept before an update begins', async (t) => {
  const { seen, until } = start(t, (method, path, options) => {
    if (method === 'POST') return healthy(method, path, options);
    assert.equal(options.headers?.['nodeos-configurations'], '1');
    assert.equal(options.headers?.['nodeos-force'], '1');
    return { status: 200, json: { ...DESIRED, configurations: { hello: { colour: 'red' } } } };
  });
  await until('apply 4');
  assert.deepEqual(
    seen.filter((what) => /^(apply|configured)/.test(what)),
    ['configured {"hello":{"colour":"red"}}', 'apply 4'],
  );
});

test('a server that comes back is found, and events that waited are sent once', async (t) => {
  const { http, events, until } = start(t, null);
  await until('offline');
  const sent: unknown[] = [];
  events.add('boot', 'system 1.0.0');
  http.handler = (method, path, options) => {
    if (path.endsWith('events')) sent.push(...(options.json as { events: unknown[] }).events);
    return healthy(method, path, options);
  };
  await until('online');
  await until('apply 4');
  while (sent.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(events.waiting().length, 0);
  assert.equal(sent.length, 1);
});

test('a desired state that does not fit its schema is not applied', async (t) => {
  const { until, seen, session } = start(t, (method) =>
    method === 'POST' ? { status: 204 } : { status: 200, json: { format: 2 } },
  );
  await until('acknowledged hello');
  await session.report();
  assert.ok(!seen.some((what) => what.startsWith('apply')));
});

test('a certificate that the server does not know is told of', async (t) => {
  const { until } = start(t, () => ({ status: 401 }));
  await until('rejected');
});

test('report resolves also when the server cannot be reached', async (t) => {
  const { session, until } = start(t, null);
  await until('offline');
  await session.report();
});

function enrolment(handler: Handler) {
  const waits: number[] = [];
  const states: string[] = [];
  const context: EnrolContext = {
    http: fakeHttp(handler),
    fleet: { claimToken: 'token-123' } as FleetFile,
    identity: { serial: '0123456789abcdef', privateKey: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey },
    ...{ board: 'x86_64-usb', systemVersion: '1.0.0' },
    onWaiting: (state) => states.push(state),
    wait: async (milliseconds) => void waits.push(milliseconds),
  };
  return { context, waits, states };
}

test('enrolment waits for approval as long as it is told to', async () => {
  let calls = 0;
  const { context, waits, states } = enrolment((_method, _path, options) => {
    const body = options.json as Record<string, string>;
    assert.equal(body.claimToken, 'token-123');
    assert.match(body.csr ?? '', /^-----BEGIN CERTIFICATE REQUEST-----\n/);
    return ++calls < 3
      ? { status: 202, json: { state: 'pending', deviceId: 'd1', retryAfterSeconds: 7 } }
      : { status: 200, json: { state: 'approved', deviceId: 'd1', certificate: 'PEM' } };
  });
  assert.equal(await enrol(context), 'PEM');
  assert.deepEqual(waits, [7_000, 7_000]);
  assert.deepEqual(states, ['pending', 'pending']);
});

test('a refused claim token is tried again, but rarely; an unreachable server soon', async () => {
  let calls = 0;
  const { context, waits, states } = enrolment(() => {
    calls++;
    if (calls === 1) return { status: 403, json: { error: { code: 'ENROLMENT_REFUSED', message: 'token used up' } } };
    if (calls === 2) return { status: 502 };
    return { status: 200, json: { state: 'approved', deviceId: 'd1', certificate: 'PEM' } };
  });
  await enrol(context);
  assert.deepEqual(states, ['refused', 'unreachable']);
  assert.ok((waits[0] as number) >= 7_500 && (waits[1] as number) <= 500, String(waits));
});
