import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { pino } from 'pino';
import { incomingCount } from '../../blobs/file-blobs.ts';
import { createServer } from '../../server.ts';
import { runServer } from '../../testing/running-server.ts';
import { temporaryFolder } from '../../testing/temporary-folder.ts';
import { until } from '../../testing/until.ts';
import { ROUTE_RULES } from './rules/rules.ts';

test('openapi-schema-validator: the description is a valid OpenAPI 3.1 document of every route', async (context) => {
  const running = await runServer(context);
  const answer = await running.operator('GET', '/api/openapi.json', undefined, { authorization: '' });
  assert.equal(answer.status, 200);
  const verdict = await new Validator().validate(answer.json);
  assert.deepEqual([verdict.valid, verdict.errors], [true, undefined]);
  const described = Object.entries(answer.json.paths as Record<string, Record<string, unknown>>).flatMap(
    ([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
  );
  assert.deepEqual(described.sort(), Object.keys(ROUTE_RULES).sort());
  const { schema } = answer.json.paths['/api/v1/users'].post.requestBody.content['application/json'];
  assert.deepEqual(schema.properties.role, { type: 'string', enum: ['admin', 'operator', 'developer', 'viewer'] });
  const broken = structuredClone(answer.json);
  broken.paths['/healthz'].get.responses = 'none';
  assert.equal((await new Validator().validate(broken)).valid, false, 'the judge judges');
});

test('metrics: for those with the right, of their fleet only; of the process for administrators of the server', async (context) => {
  const running = await runServer(context);
  await running.enrolledDevice();
  const text = (await running.operator('GET', '/metrics')).text;
  assert.match(text, /^nodeos_devices\{state="active",fleet="main"\} 1$/m);
  assert.match(text, /^nodeos_devices_online\{fleet="main"\} 0$/m);
  assert.match(text, /^nodeos_http_request_duration_seconds_count\{.*route="\/device\/v1\/enrol".*\} 1$/m);
  assert.match(text, /^nodejs_eventloop_lag_seconds /m);
  const make = async (scopes: string[], fleet: string) =>
    (
      await running.operator(
        'POST',
        '/api/v1/tokens',
        { name: 'p', scopes, expiresAt: null },
        { 'nodeos-fleet': fleet },
      )
    ).json.token;
  await running.operator('POST', '/api/v1/fleets', { id: 'north', name: 'North' });
  const scrape = async (token: string) =>
    running.operator('GET', '/metrics', undefined, { authorization: `Bearer ${token}` });
  const north = await scrape(await make(['metrics'], 'north'));
  assert.match(north.text, /^nodeos_devices\{state="active",fleet="north"\} 0$/m);
  assert.doesNotMatch(north.text, /main|nodejs_|http_request/);
  assert.equal((await scrape(await make(['read'], 'main'))).status, 403);
  assert.equal((await running.operator('GET', '/metrics', undefined, { authorization: '' })).status, 401);
});

test('a server that closes says so, lets a request end that it has begun, and ends streams', async (context) => {
  const running = await runServer(context);
  const { server } = running;
  assert.equal((await running.operator('GET', '/readyz')).json.status, 'ready');
  const stream = await fetch(`${server.addresses.operator.url}/api/v1/events`, {
    headers: { authorization: `Bearer ${server.operatorToken}` },
  });
  const upload = new TransformStream<Uint8Array, Uint8Array>();
  const writer = upload.writable.getWriter();
  const octets = Buffer.from('slow octets');
  const sha256 = '0'.repeat(64);
  const answer = fetch(`${server.addresses.operator.url}/api/v1/blobs/${sha256}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${server.operatorToken}`, 'content-type': 'application/octet-stream' },
    body: upload.readable,
    duplex: 'half',
  } as RequestInit);
  await writer.write(octets.subarray(0, 4));
  await until('the upload to arrive', async () => (await incomingCount(join(running.dataDir, 'blobs'))) === 1);
  const closed = server.close();
  await stream.text();
  assert.equal((await server.app.inject({ url: '/readyz' })).statusCode, 503);
  assert.equal((await server.app.inject({ url: '/healthz' })).statusCode, 200);
  await writer.write(octets.subarray(4));
  await writer.close();
  assert.equal((await answer).status, 422, 'the request was answered, not cut');
  await closed;
});

test('each request leaves one structured line, without secrets', async (context) => {
  const lines: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const dataDir = await temporaryFolder(context);
  const server = await createServer({ dataDir, dashboard: false, log: pino({ level: 'info' }, sink) });
  context.after(() => server.close());
  const headers = { authorization: `Bearer ${server.operatorToken}` };
  await server.app.inject({ url: '/api/v1/devices?tag=kiosk', headers });
  if (lines.length === 0) await once(sink, 'drain');
  const { level, surface, method, route, status, from } = JSON.parse(lines[0] as string);
  assert.deepEqual(
    [level, surface, method, route, status, from],
    [30, 'operator', 'GET', '/api/v1/devices', 200, '127.0.0.1'],
  );
  assert.doesNotMatch(lines.join(''), new RegExp(server.operatorToken));
});
