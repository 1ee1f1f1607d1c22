import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { webhookEventSchema } from '@nodeos/contracts/webhooks.ts';
import { Changes } from '../live/changes.ts';
import { openSqliteStore } from '../store/sqlite/store.ts';
import { runJudge } from '../testing/judge.ts';
import { runServer } from '../testing/running-server.ts';
import { until } from '../testing/until.ts';
import { signedHeaders } from './sign.ts';
import { Webhooks } from './webhooks.ts';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers with the given statuses in turn, the last one for ever. */
async function receiver(context: TestContext, statuses: readonly number[]) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    request.setEncoding('utf8');
    request.toArray().then((parts) => {
      const status = statuses[Math.min(received.length, statuses.length - 1)] ?? 200;
      received.push({ headers: request.headers, body: parts.join('') });
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, received };
}

test('signature: the vector of the Standard Webhooks specification', () => {
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
  const headers = signedHeaders(secret, 'msg_p5jXN8AQM9LWM0D4loKWxJek', '{"test": 2432232314}', 1_614_265_330_000);
  assert.equal(headers['webhook-timestamp'], '1614265330');
  assert.equal(headers['webhook-signature'], 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
});

test('openssl: what happens is posted once per state, to those who asked for the topic, with a signature that verifies', async (context) => {
  const running = await runServer(context);
  const [all, releases] = [await receiver(context, [200]), await receiver(context, [200])];
  const add = async (url: string, topics: string[]) =>
    (await running.operator('POST', '/api/v1/webhooks', { url, topics })).json;
  const { id, secret } = await add(all.url, ['device', 'deployment', 'release']);
  await add(releases.url, ['release']);
  const device = await running.enrolledDevice(['kiosk'], 'kiosk-1');
  await running.operator('PUT', `/api/v1/devices/${device.id}/tags`, { tags: ['lobby'] });
  await running.operator('POST', `/api/v1/devices/${device.id}/revoke`);
  const [first, second] = await until('two events', () => all.received.length >= 2 && all.received);
  const events = [first, second].map((one) => webhookEventSchema.parse(JSON.parse((one as Received).body)));
  assert.deepEqual(
    events.map(({ type, fleet, data }) => [type, fleet, data.id, data.name]),
    [
      ['device.active', 'main', device.id, 'kiosk-1'],
      ['device.revoked', 'main', device.id, 'kiosk-1'],
    ],
  );
  const { headers, body } = first as Received;
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64').toString('hex');
  const judged = await runJudge(
    context,
    'openssl',
    ['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `hexkey:${key}`, '-r'],
    {
      input: `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`,
    },
  );
  if (judged === null) return;
  const expected = Buffer.from(judged.output.slice(0, 64), 'hex').toString('base64');
  assert.equal(headers['webhook-signature'], `v1,${expected}`);
  assert.equal((await running.operator('GET', '/api/v1/webhooks')).text.includes(secret), false);
  const log = (await running.operator('GET', `/api/v1/webhooks/${id}/deliveries`)).json.deliveries;
  assert.deepEqual(
    log.map(({ type, state, attempts, status }: Record<string, unknown>) => [type, state, attempts, status]),
    [
      ['device.revoked', 'delivered', 1, 200],
      ['device.active', 'delivered', 1, 200],
    ],
  );
  assert.deepEqual(releases.received, []);
});

test('a receiver that fails is tried again until it takes it or the attempts are used up; 410 and a redirect are answers too', async (context) => {
  const server = openSqliteStore(':memory:');
  const store = server.fleet('main');
  const webhooks = new Webhooks({ fleet: 'main', store, changes: new Changes(), retryMs: [1, 1] });
  await webhooks.start();
  context.after(async () => {
    await webhooks.close();
    await server.close();
  });
  const ends = async (statuses: number[], url?: string) => {
    const target = await receiver(context, statuses);
    const { id } = await webhooks.add({ url: url ?? target.url, topics: ['device'] });
    await webhooks.test(id);
    const [delivery] = await until('the end', async () => {
      const all = await webhooks.deliveries(id);
      return all[0]?.state !== 'waiting' && all;
    });
    return { ...delivery, received: target.received };
  };
  const late = await ends([500, 503, 204]);
  assert.deepEqual([late.state, late.attempts, late.status], ['delivered', 3, 204]);
  assert.equal(new Set(late.received.map(({ headers }) => headers['webhook-id'])).size, 1, 'one id for all attempts');
  const never = await ends([500]);
  assert.deepEqual([never.state, never.attempts, never.reason], ['failed', 3, 'the receiver answered 500']);
  const gone = await ends([410]);
  assert.deepEqual([gone.state, gone.attempts], ['failed', 1]);
  const moved = await ends([302]);
  assert.deepEqual([moved.state, moved.status], ['failed', 302]);
  const absent = await ends([200], 'http://127.0.0.1:1/');
  assert.deepEqual([absent.state, absent.status], ['failed', null]);
  assert.match(absent.reason ?? '', /ECONNREFUSED|bad port/);
});

test('what was not delivered when the server ended is delivered by the next one', async (context) => {
  const server = openSqliteStore(':memory:');
  context.after(() => server.close());
  const store = server.fleet('main');
  const options = { fleet: 'main', store, changes: new Changes() };
  const target = await receiver(context, [500, 200]);
  const first = new Webhooks({ ...options, retryMs: [60_000] });
  await first.start();
  const { id } = await first.add({ url: target.url, topics: ['device'] });
  await first.test(id);
  await until('the first attempt', async () => (await first.deliveries(id))[0]?.attempts === 1);
  await first.close();
  const [waiting] = await store.webhooks.listWaiting(1);
  await store.webhooks.updateDelivery(waiting?.id as string, {
    state: 'waiting',
    attempts: 1,
    status: 500,
    reason: null,
    nextAt: 0,
  });
  const second = new Webhooks(options);
  await second.start();
  context.after(() => second.close());
  await until('the delivery', async () => (await second.deliveries(id))[0]?.state === 'delivered');
});
