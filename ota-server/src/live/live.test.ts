import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { type TestContext, test } from 'node:test';
import { connectAsync } from 'mqtt';
import { type RunningServer, runServer } from '../testing/running-server.ts';
import { until } from '../testing/until.ts';

/** A device on the broker that answers by the function and remembers what it was told. */
async function playDevice(
  context: TestContext,
  running: RunningServer,
  answer: (topic: string, message: Message) => [string, unknown][],
) {
  const device = await running.enrolledDevice();
  const client = await connectAsync(running.server.addresses.mqtt.url, {
    protocolVersion: 4,
    clientId: device.id,
    ca: running.ca,
    cert: device.certificate,
    key: device.keyPem,
  });
  context.after(() => client.endAsync(true));
  const heard: Message[] = [];
  client.on('message', (topic, payload) => {
    const message = JSON.parse(payload.toString()) as Message;
    heard.push(message);
    for (const [to, reply] of answer(topic.slice(`nodeos/${device.id}/`.length), message))
      client.publish(`nodeos/${device.id}/${to}`, JSON.stringify(reply), { qos: 1 });
  });
  await client.subscribeAsync([`nodeos/${device.id}/tell`, `nodeos/${device.id}/repl/in`], { qos: 1 });
  return { device, client, heard };
}
// biome-ignore lint/suspicious/noExplicitAny: messages of many shapes
type Message = any;

type StreamEvent = { event: string; data: Message };

/** Reads a server-sent event stream until `done` says so, or its end. */
async function readEvents(
  running: RunningServer,
  path: string,
  done: (events: StreamEvent[]) => boolean,
): Promise<StreamEvent[]> {
  const headers = { authorization: `Bearer ${running.server.operatorToken}` };
  const request = get(`${running.server.addresses.operator.url}${path}`, { headers, agent: false });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  assert.equal(answer.headers['content-type'], 'text/event-stream; charset=utf-8');
  const events: StreamEvent[] = [];
  let text = '';
  answer.setEncoding('utf8');
  answer.on('data', (chunk: string) => {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const event = /^event: (.*)$/m.exec(block)?.[1];
      if (event !== undefined) events.push({ event, data: JSON.parse(/^data: (.*)$/m.exec(block)?.[1] ?? 'null') });
    }
    if (done(events)) answer.destroy();
  });
  // A server that closes breaks the stream off: an error to Node, an end to us.
  answer.on('error', () => undefined);
  await new Promise((resolve) => answer.on('close', resolve));
  return events;
}

const line = (text: string, source = 'hello') => ({ at: 1, source, stream: 'stdout', text });

test('logs: the device is asked, lines of the app come as events, the stream ends when it is quiet', async (context) => {
  const running = await runServer(context);
  const { device, heard } = await playDevice(context, running, (topic) =>
    topic === 'tell' ? [['logs', { lines: [line('one'), line('other', 'agent'), line('one')] }]] : [],
  );
  const events = await readEvents(running, `/api/v1/devices/${device.id}/logs?app=hello&backlog=5`, () => false);
  assert.deepEqual(heard, [{ kind: 'logs', app: 'hello', seconds: 60, backlog: 5 }]);
  assert.deepEqual(events, [{ event: 'log', data: { lines: [line('one'), line('one')] } }]);
});

test('logs: a second viewer’s past does not come twice to the first', async (context) => {
  const running = await runServer(context);
  const { device, client } = await playDevice(context, running, (topic) =>
    topic === 'tell' ? [['logs', { lines: [line('past')] }]] : [],
  );
  const path = `/api/v1/devices/${device.id}/logs?follow=1`;
  const lines = (events: { data: Message }[]) =>
    events.flatMap(({ data }) => data.lines.map((one: Message) => one.text));
  const seen: string[] = [];
  const first = readEvents(running, path, (events) => {
    seen.splice(0, seen.length, ...lines(events));
    return seen.includes('new');
  });
  await until('the past', () => seen.includes('past'));
  await readEvents(running, path, (events) => events.length > 0);
  await client.publishAsync(`nodeos/${device.id}/logs`, JSON.stringify({ lines: [line('new')] }));
  assert.deepEqual(lines(await first), ['past', 'new']);
});

test('REPL: output from before the listener, input, end', async (context) => {
  const running = await runServer(context);
  const { device } = await playDevice(context, running, (topic, message) => {
    if (message.kind === 'repl-open') return [['repl/out', { session: message.session, data: '> ', end: false }]];
    if (topic === 'repl/in')
      return [['repl/out', { session: message.session, data: `${message.data}=2`, end: message.data === '1+1' }]];
    return [];
  });
  const path = `/api/v1/devices/${device.id}/repl`;
  const { session } = (await running.operator('POST', path, { app: null })).json;
  const outputs: string[] = [];
  const reading = readEvents(running, `${path}/${session}`, (events) => {
    outputs.splice(0, outputs.length, ...events.map(({ data }) => data.data));
    return false;
  });
  await until('prompt', () => outputs.includes('> '));
  assert.equal((await running.operator('POST', `${path}/${session}`, { data: '1+1', end: false })).status, 204);
  assert.deepEqual(
    (await reading).map(({ data }) => [data.data, data.end]),
    [
      ['> ', false],
      ['1+1=2', true],
    ],
  );
  assert.equal(
    (await running.operator('POST', `${path}/${session}`, { data: 'x', end: false })).json.error.code,
    'NOT_FOUND',
  );
});

test('REPL: a session belongs to its device, and ends when the device goes', async (context) => {
  const running = await runServer(context);
  const first = await playDevice(context, running, () => []);
  const second = await playDevice(context, running, () => []);
  const { session } = (await running.operator('POST', `/api/v1/devices/${first.device.id}/repl`, { app: null })).json;
  const foreign = await running.operator('POST', `/api/v1/devices/${second.device.id}/repl/${session}`, {
    data: 'x',
    end: false,
  });
  assert.equal(foreign.json.error.code, 'NOT_FOUND');
  await second.client.publishAsync(
    `nodeos/${second.device.id}/repl/out`,
    JSON.stringify({ session, data: 'forged', end: false }),
    { qos: 1 },
  );
  const reading = readEvents(running, `/api/v1/devices/${first.device.id}/repl/${session}`, () => false);
  await first.client.endAsync(true);
  assert.deepEqual(
    (await reading).map(({ data }) => data),
    [{ session, data: '', end: true }],
  );
});

test('development: the device is asked, messages pass both ways, a console is no way in, and the log says who', async (context) => {
  const running = await runServer(context);
  const { device, heard } = await playDevice(context, running, (topic, message) => {
    if (topic === 'tell') return [['repl/out', { session: message.session, data: 'ready', end: false }]];
    return [['repl/out', { session: message.session, data: `took ${message.data}`, end: message.data === 'end' }]];
  });
  const path = `/api/v1/devices/${device.id}/development`;
  const { session } = (await running.operator('POST', path, { app: 'hello' })).json;
  const reading = readEvents(running, `${path}/${session}`, () => false);
  await until('the device is asked', () => heard.length > 0);
  assert.deepEqual(heard, [{ kind: 'development-open', session, app: 'hello', resume: null }]);
  const input = { data: 'files', end: false };
  const asConsole = await running.operator('POST', `/api/v1/devices/${device.id}/repl/${session}`, input);
  assert.equal(asConsole.status, 404, 'who may type into a console may not send files');
  assert.equal((await running.operator('POST', `${path}/${session}`, input)).status, 204);
  assert.equal((await running.operator('POST', `${path}/${session}`, { data: 'end', end: false })).status, 204);
  const data = (await reading).map(({ event, data: message }) => [event, message.data]);
  assert.deepEqual(data, [
    ['development', 'ready'],
    ['development', 'took files'],
    ['development', 'took end'],
  ]);
  const { entries } = (await running.operator('GET', '/api/v1/audit')).json;
  const [entry] = entries.filter(({ action }: Message) => action === 'POST /devices/:id/development');
  assert.deepEqual(
    [entry.actor, entry.target, entry.outcome],
    ['operator token', `/devices/${device.id}/development`, 'accepted'],
  );
  assert.match(entry.details, /hello/);
});

test('changes: the dashboard hears of devices that enrol', async (context) => {
  const running = await runServer(context);
  let open = false;
  const reading = readEvents(running, '/api/v1/events', (seen) => {
    open = true;
    return seen.length > 0;
  });
  await until('stream', () => open);
  const { id } = await running.enrolledDevice();
  assert.deepEqual((await reading)[0], { event: 'change', data: { topic: 'devices', id } });
});

test('a server that closes ends the streams that are open', async (context) => {
  const running = await runServer(context);
  let open = false;
  const reading = readEvents(running, '/api/v1/events', () => {
    open = true;
    return false;
  });
  await until('stream', () => open);
  await running.server.close();
  assert.deepEqual(await reading, []);
});
