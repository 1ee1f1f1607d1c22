import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { type TestContext, test } from 'node:test';
import { openAppConfigurations, storeConfigurations } from '@nodeos/device-agent/src/apps/app-configuration.ts';
import { makeAppFolder, plainLaunch } from '@nodeos/device-agent/src/apps/node-apps.testing.ts';
import { createSupervisor } from '@nodeos/device-agent/src/apps/supervisor.ts';
import { createEventQueue } from '@nodeos/device-agent/src/event-queue.ts';
import { createServerHttp } from '@nodeos/device-agent/src/transport/http.ts';
import { connectBroker } from '@nodeos/device-agent/src/transport/mqtt.ts';
import { openSession } from '@nodeos/device-agent/src/transport/session.ts';
import { runServer } from '@nodeos/ota-server/src/testing/running-server.ts';
import { temporaryFolder } from '@nodeos/ota-server/src/testing/temporary-folder.ts';

const LIBRARY = new URL('../../app/index.cjs', import.meta.url).pathname;

/** The lines of an app, each to be waited for. */
function listen() {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const hear = (line: string) => {
    lines.push(line);
    for (const each of waiting) each();
  };
  const said = (text: string) =>
    new Promise<void>((resolve) => {
      const check = () => lines.includes(text) && resolve();
      waiting.add(check);
      check();
    });
  return { hear, said };
}

test('an operator sets a value, and the app on the device has it without a restart', async (t: TestContext) => {
  const server = await runServer(t);
  const identity = await server.enrolledDevice();
  const folder = await temporaryFolder(t);
  const { hear, said } = listen();
  const configurations = openAppConfigurations(folder);
  const launch = plainLaunch();
  const apps = createSupervisor({
    ...{ launch, configurations, onLine: (_, __, text) => hear(text), onChange() {}, onEvent() {} },
    availableMemoryKiB: async () => 1_000_000,
  });
  const client = { certificate: identity.certificate, key: identity.keyPem };
  const http = createServerHttp(server.server.addresses.device.url, server.ca, () => {});
  http.identify(client);
  const session = openSession({
    ...{ http, events: createEventQueue(() => {}), log: () => {}, onOnline() {}, onOffline() {}, onRejected() {} },
    updater: { apply() {}, serverReachable() {}, acknowledge: async () => {} },
    // The server is asked only; what a report holds is another test's.
    buildReport: () => new Promise(() => {}),
    onConfigurations: (found) => storeConfigurations(folder, found),
  });
  const broker = connectBroker({
    ...{ url: server.server.addresses.mqtt.url, deviceId: identity.id, ca: server.ca, identity: client, log() {} },
    onTell: ({ kind }) => kind === 'desired-changed' && session.poll(),
    onConnected: () => hear('connected'),
    ...{ onDisconnected() {}, onReplInput() {} },
  });
  t.after(async () => {
    session.close();
    await broker.close();
    http.close();
    await apps.stopAll();
    configurations.close();
  });
  await said('connected');

  await using made = await makeAppFolder();
  const source = `const nodeos = require('${LIBRARY}');
    nodeos.onConfiguration((now) => console.log('now', JSON.stringify(now)));
    nodeos.configuration().then((now) => console.log('first', JSON.stringify(now)));
    setInterval(() => {}, 60_000);`;
  await apps.start(await made.app('1.0.0', source));
  await said('first {}');
  const change = (body: object) => server.operator('POST', '/api/v1/configurations/hello', body);
  await change({ to: { fleet: true }, set: { text: 'everywhere', size: 3 } });
  await said('now {"text":"everywhere","size":3}');
  await change({ to: { device: identity.id }, set: { text: 'here' } });
  await said('now {"text":"here","size":3}');
  await change({ to: { device: identity.id }, unset: ['text'] });
  await change({ to: { fleet: true }, unset: ['text', 'size'] });
  await said('now {}');
  assert.deepEqual(await readdir(folder), []);
  assert.deepEqual(launch.started, ['1.0.0']);
});
