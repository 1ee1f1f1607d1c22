import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { ServerNode } from './testing/nodes.ts';
import { makePublisher } from './testing/publish.ts';
import { appTarget } from './testing/release-keys.ts';
import { deviceReport } from './testing/running-server.ts';
import type { DeviceIdentity } from './testing/server-clients.ts';
import { enrolledAt, severalServers, untilSeen as until } from './testing/several-servers.ts';

const { options, several } = await severalServers();

/** A fleet of two servers with an app that is published, and a device that takes it. */
async function fleetOfTwo(context: TestContext) {
  const running = await several(context);
  const [here, there] = running.nodes;
  const publisher = await makePublisher(here);
  const target = await appTarget('hello', '1.0.0', 'one');
  await publisher.publish(target, 'one');
  const enrol = enrolledAt(here);
  const report = async (node: ServerNode, device: DeviceIdentity, deployment: string): Promise<void> => {
    const answer = await node.device(
      device,
      'POST',
      '/device/v1/report',
      deviceReport({
        generation: 1,
        updates: [
          {
            ...{ lane: 'app', name: 'hello', version: '1.0.0', target: target.path, deployment },
            ...{ state: 'confirmed', percent: null, reason: null },
          },
        ],
      }),
    );
    assert.equal(answer.status, 204, answer.text);
  };
  return { ...running, here, there, target: target.path, enrol, report };
}

const actionsOf = async (node: ServerNode): Promise<string[]> =>
  (await node.operator('GET', '/api/v1/audit?actor=server')).json.entries
    .map(({ action }: { action: string }) => action)
    .toReversed();

test(
  'a rollout that one server begins is carried on by another, each step once, told to webhooks once',
  options,
  async (context) => {
    const { here, there, target, enrol, report } = await fleetOfTwo(context);
    const received: string[] = [];
    const receiver = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => received.push(JSON.parse(chunk.toString()).type));
      request.on('end', () => response.end());
    }).listen(0, '127.0.0.1');
    context.after(() => receiver.close());
    await once(receiver, 'listening');
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    // Each server watches what happens once it has heard of a webhook: both would tell of the rollout.
    await here.operator('POST', '/api/v1/webhooks', { url, topics: ['deployment'] });
    await there.operator('POST', '/api/v1/webhooks', { url, topics: ['release'] });
    const devices = [await enrol(['all'], 'S-1'), await enrol(['all'], 'S-2')];
    const rollout = { waves: [{ devices: 1 }], soakSeconds: 0 };
    const { json } = await here.operator('POST', '/api/v1/deployments', { target, to: { tag: 'all' }, rollout });
    const read = async (node: ServerNode) => (await node.operator('GET', `/api/v1/deployments/${json.id}`)).json;
    const released = await until('the first wave', async () => {
      const { devices: rows } = await read(there);
      return rows.find(({ state }: { state: string }) => state === 'waiting');
    });
    const [first, second] = devices[0]?.id === released.id ? devices : devices.toReversed();
    await report(there, first as DeviceIdentity, json.id);
    await until('the second wave', async () => (await read(here)).wave === 1 && (await read(there)).wave === 1);
    await report(here, second as DeviceIdentity, json.id);
    await until('the end', async () => (await read(there)).state === 'done');
    assert.deepEqual(await actionsOf(here), ['deployment running', 'deployment done']);
    assert.deepEqual((await here.operator('GET', '/api/v1/audit/check')).json.fault, null);
    await until('the webhooks', () => received.includes('deployment.done'));
    await here.stop();
    await there.stop();
    assert.deepEqual(received, ['deployment.running', 'deployment.done']);
  },
);

test('what a killed server had begun is taken up by the one that is left', options, async (context) => {
  const { here, there, target, enrol, report } = await fleetOfTwo(context);
  const device = await enrol(['all']);
  const rollout = { waves: [{ devices: 1 }], soakSeconds: 5 };
  const { json } = await here.operator('POST', '/api/v1/deployments', { target, to: { tag: 'all' }, rollout });
  // The soak is timed by the server that took the step.
  await report(here, device, json.id);
  const state = async (): Promise<string> =>
    (await there.operator('GET', `/api/v1/deployments/${json.id}`)).json.devices[0].state;
  await until('the soak', async () => (await state()) === 'soaking');
  await here.kill();
  await until('the end of the soak', async () => (await state()) === 'confirmed');
  assert.deepEqual(await actionsOf(there), ['deployment running', 'deployment done']);
  assert.deepEqual((await there.operator('GET', '/api/v1/audit/check')).json.fault, null);
});
