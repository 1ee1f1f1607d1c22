import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import type { Ending } from '@nodeos/device-agent/src/apps/process.ts';
import { createRepl, type Repl } from '@nodeos/device-agent/src/repl.ts';
import { type Broker, connectBroker } from '@nodeos/device-agent/src/transport/mqtt.ts';
import { openDashboard, shoot, signIn } from '@nodeos/ota-server/testing/dashboard.ts';
import {
  type DeviceIdentity,
  deviceReport,
  type RunningServer,
  runServer,
} from '@nodeos/ota-server/testing/running-server.ts';
import { until } from '@nodeos/ota-server/testing/until.ts';

interface ConsoleDevice {
  readonly broker: Broker;
  /** How each console that was opened ended; null while its process runs. */
  readonly endings: readonly (Ending | null)[];
}

/** The agent's connection and consoles, with Node.js processes that nothing holds apart from this one. */
async function startDevice(
  context: TestContext,
  running: RunningServer,
  device: DeviceIdentity,
): Promise<ConsoleDevice> {
  const endings: (Ending | null)[] = [];
  const connected = Promise.withResolvers<void>();
  const repl: Repl = createRepl({
    findApp: () => undefined,
    log: () => undefined,
    publish: (message) => broker.publishRepl(message),
    async start() {
      const child = spawn(process.execPath, ['--interactive'], { stdio: 'pipe', env: {} });
      const ended = new Promise<Ending>((resolve) =>
        child.on('close', (code, signal) => resolve({ code, signal, note: null })),
      );
      const index = endings.push(null) - 1;
      void ended.then((ending) => {
        endings[index] = ending;
      });
      return { child, ended };
    },
  });
  const broker: Broker = connectBroker({
    ...{ url: running.server.addresses.mqtt.url, deviceId: device.id, ca: running.ca },
    identity: { certificate: device.certificate, key: device.keyPem },
    onTell: (tell) => {
      if (tell.kind === 'repl-open') void repl.open(tell.session, tell.app);
    },
    onReplInput: repl.input,
    onConnected: connected.resolve,
    onDisconnected: repl.close,
    log: () => undefined,
  });
  context.after(async () => {
    repl.close();
    await broker.close();
  });
  await connected.promise;
  return { broker, endings };
}

/** A server, a device that its report says runs `hello`, and the dashboard. */
async function start(context: TestContext) {
  const running = await runServer(context, undefined, true);
  const page = await openDashboard(context, running);
  if (page === null) return null;
  const device = await running.enrolledDevice([], 'kiosk-berlin-01');
  const app = { version: '1.0.0', sha256: 'f'.repeat(64), state: 'running', restarts: 0, reason: null } as const;
  await running.device(device, 'POST', '/device/v1/report', deviceReport({ generation: 1, apps: { hello: app } }));
  const played = await startDevice(context, running, device);
  const panel = page.getByRole('dialog');
  return {
    ...{ running, page, device, panel, ...played },
    openPanel: () => page.locator(`tr[data-device="${device.id}"]`).getByRole('link').click(),
    open: panel.getByRole('button', { name: 'Open console' }),
    close: panel.getByRole('button', { name: 'Close console' }),
    output: panel.getByRole('log', { name: 'Console output' }),
    input: panel.getByLabel('Line for the console'),
  };
}

const KILLED = { code: null, signal: 'SIGKILL', note: null };

test('console: typed lines are answered, by keyboard alone; what is shown is text and bounded; closing ends it on the device', async (context) => {
  const started = await start(context);
  if (started === null) return;
  const { running, page, openPanel, panel, open, close, output, input, endings } = started;
  await signIn(page, running);
  await openPanel();
  await open.press('Enter');
  const says = (text: string | RegExp) =>
    until(`${text}`, async () => {
      const all = (await output.textContent()) ?? '';
      return typeof text === 'string' ? all.endsWith(text) : text.test(all);
    });
  // The prompt may come after the greeting, in a message of its own.
  await says(/^Welcome to Node\.js.*\n> $/s);
  await page.keyboard.type('1+1\n');
  await says('> 1+1\n2\n> ');

  await page.keyboard.type("'<b>' + 6 * 7 + '</b>'\n");
  await says("'<b>42</b>'\n> ");
  // Cut in two on its way: the second part follows when the first has gone out.
  const red = "process.stdout.write('\\x1b[3', () => setTimeout(() => console.log('1mred\\x1b[0m'), 20))";
  await page.keyboard.type(`setImmediate(() => ${red}); 0\n`);
  await says('0\n> red\n');
  await shoot(page, 'device-console');

  await page.keyboard.type('unsent');
  for (const [key, line] of [
    ['ArrowUp', /setImmediate/],
    ['ArrowUp', /6 \* 7/],
    ['ArrowUp', /^1\+1$/],
    ['ArrowUp', /^1\+1$/],
    ['ArrowDown', /6 \* 7/],
    ['ArrowDown', /setImmediate/],
    ['ArrowDown', /^unsent$/],
  ] as const) {
    await page.keyboard.press(key);
    assert.match(await input.inputValue(), line);
  }
  await input.fill('');
  for (let up = 0; up < 3; up++) await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  await says(/red\n1\+1\n2\n> $/);

  await page.keyboard.type('[0,\n');
  await says(/\[0,\n(\.\.\.|\|) $/);
  await page.keyboard.type('[1,\n');
  await says(/\[1,\n(\.\.\.|\|) $/);
  await page.keyboard.type('2');
  await page.keyboard.press('Control+c');
  await says(/\.break\n> $/);
  assert.equal(await input.inputValue(), '');
  await page.keyboard.type("'still ' + 'here'\n");
  await says("'still here'\n> ");
  await page.keyboard.type("console.log('x'.repeat(90_000) + 'y'.repeat(60_000)); 'all'\n");
  await says("'all'\n> ");
  assert.equal(((await output.textContent()) ?? '').length, 100_000);

  await page.keyboard.press('Tab');
  assert.ok(!(await page.evaluate<boolean>('document.activeElement.matches(".console input")')));
  await close.click();
  assert.deepEqual(await until('the end of the process', () => endings[0]), KILLED);
  await open.waitFor();
  assert.equal(await panel.getByText('The console has ended').count(), 0);
});

test('console: it ends with the panel, with the page, and where Node.js ends; then another opens', async (context) => {
  const started = await start(context);
  if (started === null) return;
  const { running, page, openPanel, panel, open, output, input, endings } = started;
  await signIn(page, running);
  const openAgain = async () => {
    await open.click();
    await output.getByText('Welcome to Node.js').waitFor();
  };
  await openPanel();
  await openAgain();
  await panel.getByRole('button', { name: 'Close', exact: true }).click();
  assert.deepEqual(await until('the end of the process', () => endings[0]), KILLED);
  await openPanel();
  await openAgain();
  await page.reload();
  assert.deepEqual(await until('the end of the process', () => endings[1]), KILLED);

  await openAgain();
  await input.fill('.exit');
  await input.press('Enter');
  await panel.getByText('The console has ended.').waitFor();
  assert.deepEqual(await until('the end of the process', () => endings[2]), { code: 0, signal: null, note: null });
  await openAgain();
  assert.equal(await output.getByText('.exit').count(), 0);
});

test('console: a refused app and a device that goes are said where they happen', async (context) => {
  const started = await start(context);
  if (started === null) return;
  const { running, page, device, openPanel, panel, open, output, broker, endings } = started;
  await signIn(page, running);
  await openPanel();
  await panel.getByLabel('Node.js as').selectOption('hello');
  await open.click();
  await output.getByText('There is no app "hello" on this device.').waitFor();
  await panel.getByText('The console has ended.').waitFor();
  assert.equal(endings.length, 0);

  await panel.getByLabel('Node.js as').selectOption({ index: 0 });
  await open.click();
  await output.getByText('Welcome to Node.js').waitFor();
  // The page does not hear in time that the device goes.
  await page.route(/\/api\/v1\/devices(\/[^/]*)?$/, (route) => route.abort());
  await broker.close();
  await panel.getByText('The console has ended.').waitFor();
  assert.deepEqual(await until('the end of the process', () => endings[0]), KILLED);
  await until('offline', async () => !(await running.operator('GET', `/api/v1/devices/${device.id}`)).json.online);
  await open.click();
  const alert = panel.getByRole('alert');
  await alert.getByText('is not connected').waitFor();
  assert.match(await alert.innerText(), /Wait for the device to come online/);
});

test('console: nobody sees it who may not use it, nor for a device that is offline', async (context) => {
  const started = await start(context);
  if (started === null) return;
  const { running, page, device, openPanel, panel, open, broker } = started;
  const password = 'correct horse battery';
  for (const role of ['viewer', 'developer']) {
    await running.operator('POST', '/api/v1/users', { name: role, password, role });
    await page.goto(running.server.addresses.operator.url);
    await page.getByLabel('Name').fill(role);
    await page.getByLabel('Password').fill(password);
    await page.keyboard.press('Enter');
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('link', { name: /^Devices/ }).click();
    await openPanel();
    await panel.getByRole('button', { name: 'Follow' }).waitFor();
    if (role === 'viewer') {
      await until('online', () => panel.getByRole('button', { name: 'Follow' }).isEnabled());
      assert.equal(await panel.getByRole('heading', { name: 'Console' }).count(), 0);
      const status = await page.evaluate<number>(
        `fetch('/api/v1/devices/${device.id}/repl', { method: 'POST', body: '{"app":null}', headers: { 'content-type': 'application/json' } }).then(({ status }) => status)`,
      );
      assert.equal(status, 403);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.getByLabel('Name').waitFor();
    } else await open.waitFor();
  }
  await broker.close();
  await panel.getByText('The device is offline.').waitFor();
  assert.equal(await panel.getByRole('heading', { name: 'Console' }).count(), 0);
});
