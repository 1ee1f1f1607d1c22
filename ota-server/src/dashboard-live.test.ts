import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type LogBatch, type Tell, topics } from '@nodeos/contracts/mqtt.ts';
import { connectAsync, type MqttClient } from 'mqtt';
import { plainText, plainTextStream } from '../web/src/plain-text.ts';
import { openDashboard, shoot, signIn } from './testing/dashboard.ts';
import { type DeviceIdentity, deviceReport, type RunningServer, runServer } from './testing/running-server.ts';
import { until } from './testing/until.ts';

type Line = LogBatch['lines'][number];

interface PlayedDevice {
  readonly client: MqttClient;
  readonly tells: readonly Tell[];
  say(...lines: Line[]): void;
}

/** A device's connection to the broker, which sends `past` each time it is asked for lines of the past. */
async function connect(
  context: TestContext,
  running: RunningServer,
  device: DeviceIdentity,
  past: readonly Line[] = [],
): Promise<PlayedDevice> {
  const client = await connectAsync(running.server.addresses.mqtt.url, {
    ...{ protocolVersion: 4, clientId: device.id, reconnectPeriod: 0 },
    ...{ ca: running.ca, cert: device.certificate, key: device.keyPem },
  });
  context.after(() => client.endAsync(true));
  const tells: Tell[] = [];
  const say = (...lines: Line[]) => void client.publish(topics.logs(device.id), JSON.stringify({ lines }), { qos: 1 });
  client.on('message', (_topic, payload) => {
    const tell = JSON.parse(payload.toString()) as Tell;
    tells.push(tell);
    if (tell.kind === 'logs' && tell.backlog > 0) say(...past);
  });
  await client.subscribeAsync(topics.tell(device.id), { qos: 1 });
  return { client, tells, say };
}

const AT = Date.UTC(2026, 2, 4, 9, 30, 15);
const line = (text: string, source = 'hello', stream: Line['stream'] = 'stdout', after = 0): Line => ({
  ...{ at: AT + after, source, stream, text },
});
const PAST = [
  line('the network is up', 'agent', 'agent'),
  line('listening on port 8080', 'hello', 'stdout', 900),
  line('GET /prices 200 in 12 ms', 'hello', 'stdout', 2100),
  line('cannot reach the printer: ECONNREFUSED', 'tickets', 'stderr', 2400),
];

/** The device's panel, of a device that runs the apps hello and tickets. */
async function openPanel(context: TestContext) {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return null;
  const device = await running.enrolledDevice([], 'kiosk-berlin-01');
  const app = { version: '1.0.0', sha256: 'f'.repeat(64), state: 'running', restarts: 0, reason: null } as const;
  await running.device(
    device,
    'POST',
    '/device/v1/report',
    deviceReport({ generation: 1, apps: { hello: app, tickets: app } }),
  );
  await signIn(page, running);
  await page.locator(`tr[data-device="${device.id}"]`).getByRole('link').click();
  const panel = page.getByRole('dialog');
  const log = panel.getByRole('log', { name: 'Log' });
  const follow = panel.getByRole('button', { name: 'Follow' });
  const shown = (text: string) => log.locator('p').filter({ hasText: new RegExp(`${text}$`) });
  return { running, page, device, panel, log, follow, shown };
}

/** Another address of a local port, whose connections can be cut. */
async function openWay(context: TestContext, port: number): Promise<{ url: string; cut(): void }> {
  const sockets = new Set<Socket>();
  const way = createServer((from) => {
    const to = createConnection(port, '127.0.0.1');
    from.pipe(to).pipe(from);
    for (const socket of [from, to]) sockets.add(socket.on('error', () => undefined));
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  context.after(() => {
    way.close();
    cut();
  });
  await once(way.listen(0, '127.0.0.1'), 'listening');
  return { url: `http://127.0.0.1:${(way.address() as AddressInfo).port}`, cut };
}

test('log: lines of the past and of now, as text; one app only; what the reader looks at stays', async (context) => {
  const opened = await openPanel(context);
  if (opened === null) return;
  const { running, page, device, panel, log, follow, shown } = opened;
  await panel.getByText('The device is offline.').waitFor();
  assert.ok(await follow.isDisabled());

  const played = await connect(context, running, device, PAST);
  await follow.click();
  await shown('listening on port 8080').waitFor();
  assert.equal(await log.locator('p').count(), PAST.length);
  const times = await log.locator('time').allTextContents();
  const here = await page.evaluate<string>(`new Date(${AT}).toTimeString().slice(0, 8)`);
  assert.equal(times[0], here);
  assert.match(await log.locator('p.stderr').innerText(), /tickets stderr cannot reach the printer/);
  played.say(line('<b>bold</b> & \u001b[31mred\u001b[0m'));
  await shown('<b>bold</b> & red').waitFor();
  await log.scrollIntoViewIfNeeded();
  await shoot(page, 'device-log');

  await panel.getByLabel('Lines of').selectOption('hello');
  await shown('the network is up').waitFor({ state: 'detached' });
  await shown('listening on port 8080').waitFor();
  played.say(line('not of hello', 'tickets'), line('of hello'));
  await shown('hello of hello').waitFor();
  assert.equal(await shown('not of hello').count(), 0);
  assert.equal(await shown('cannot reach the printer: ECONNREFUSED').count(), 0);

  // More than are kept, in batches as a device sends them.
  const many = Array.from({ length: 620 }, (_, index) => line(`line ${index}`, 'hello', 'stdout', 10_000 + index));
  played.say(...many.slice(0, 310));
  played.say(...many.slice(310));
  await shown('hello line 619').waitFor();
  assert.equal(await log.locator('p').count(), 500);
  assert.match(await log.locator('p').first().innerText(), /line 120$/);
  const inPane = (script: string) => page.evaluate<number>(`((pane) => ${script})(document.querySelector('.log'))`);
  const fromEnd = () => inPane('pane.scrollHeight - pane.scrollTop - pane.clientHeight');
  assert.ok((await fromEnd()) < 2, 'the newest line is in sight');
  await inPane('(pane.scrollTop = 40)');
  await log.press('ArrowDown');
  played.say(line('while reading', 'hello', 'stdout', 20_000));
  await shown('while reading').waitFor();
  assert.ok((await fromEnd()) > 200, 'the reader stays where he is');
  await log.press('End');
  await until('the end', async () => (await fromEnd()) < 2);
  played.say(line('at the end again', 'hello', 'stdout', 21_000));
  await shown('at the end again').waitFor();
  await until('the newest line in sight', async () => (await fromEnd()) < 2);
});

test('log: stop ends it, for the device too; so does closing the panel; an offline device is said and waited for', async (context) => {
  const opened = await openPanel(context);
  if (opened === null) return;
  const { running, page, device, panel, follow, shown } = opened;
  const first = await connect(context, running, device, PAST);
  const ended = () => page.waitForEvent('requestfailed', (request) => request.url().includes('/logs?'));

  await follow.click();
  await shown('listening on port 8080').waitFor();
  const reconnect = async (before: PlayedDevice, note: string): Promise<PlayedDevice> => {
    await before.client.endAsync(true);
    await panel.getByText(note, { exact: true }).waitFor();
    return connect(context, running, device, PAST);
  };
  const second = await reconnect(first, 'The device is offline. Waiting for it…');
  await until('the server asks again', () => second.tells.some(({ kind }) => kind === 'logs'));
  second.say(line('back again', 'hello', 'stdout', 30_000));
  await shown('back again').waitFor();
  assert.equal(await shown('listening on port 8080').count(), 1);

  await Promise.all([ended(), panel.getByRole('button', { name: 'Stop' }).click()]);
  assert.equal(await shown('back again').count(), 1, 'what was read stays');
  // Where somebody looked, the server would ask at once when the device is back: before what is sent later.
  const third = await reconnect(second, 'The device is offline.');
  await until('the device is told', async () => {
    await running.operator('POST', `/api/v1/devices/${device.id}/reboot`, {});
    return third.tells.some(({ kind }) => kind === 'reboot');
  });
  assert.ok(third.tells.every(({ kind }) => kind !== 'logs'));

  await follow.click();
  await until('asked', () => third.tells.some(({ kind }) => kind === 'logs'));
  await Promise.all([ended(), page.keyboard.press('Escape')]);
});

test('log: a stream that the server refuses says why', async (context) => {
  const opened = await openPanel(context);
  if (opened === null) return;
  const { running, page, device, panel, follow } = opened;
  const { client } = await connect(context, running, device);
  await until('online', () => follow.isEnabled());
  // The page does not hear in time that the device goes.
  await page.route(/\/api\/v1\/devices(\/[^/]*)?$/, (route) => route.abort());
  await client.endAsync(true);
  const online = async () => (await running.operator('GET', `/api/v1/devices/${device.id}`)).json.online;
  await until('offline', async () => !(await online()));
  await follow.click();
  const alert = panel.getByRole('alert');
  await alert.getByText('is not connected').waitFor();
  assert.match(await alert.innerText(), /Wait for the device to come online/);
  await follow.waitFor();
});

test('log: a connection that breaks comes back, and no line comes twice', async (context) => {
  const opened = await openPanel(context);
  if (opened === null) return;
  const { running, page, device, panel, follow, shown } = opened;
  const { say } = await connect(context, running, device, PAST);
  const way = await openWay(context, Number(new URL(running.server.addresses.operator.url).port));
  await page.goto(`${way.url}/#/devices/${device.id}`);
  await follow.click();
  await shown('listening on port 8080').waitFor();
  way.cut();
  await panel.getByText('The connection broke. Trying again…').waitFor();
  await panel.getByText('The connection broke. Trying again…').waitFor({ state: 'detached' });
  say(line('after the break', 'hello', 'stdout', 30_000));
  await shown('after the break').waitFor();
  assert.equal(await panel.locator('.log p').count(), PAST.length + 1);
});

test('the text of a terminal is shown without its control sequences, also where they come in two parts', () => {
  assert.equal(
    plainText('\u001b[1;31mred\u001b[0m \u001b]0;title\u0007and\u001b(B plain\r\n\ttab\u0000'),
    'red and plain\n\ttab',
  );
  const plain = plainTextStream();
  assert.equal(
    plain('a\u001b[3') + plain('1mb\u001b') + plain('[0mc') + plain('\u001b]0;t') + plain('\u001b\\d'),
    'abcd',
  );
  assert.match(plain(`\u001b]${'x'.repeat(5000)}`) + plain('goes on'), /xxgoes on$/);
});
