import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DesiredState, desiredStateSchema, FORCE_HEADER } from '@nodeos/contracts/desired-state.ts';
import { makePublisher } from '../../testing/publish.ts';
import { appTarget } from '../../testing/release-keys.ts';
import { runServer } from '../../testing/running-server.ts';

test('only a device that knows of forced releases is told of it', async (context) => {
  const running = await runServer(context);
  const publisher = await makePublisher(running);
  const device = await running.enrolledDevice();
  const release = await appTarget('hello', '1.0.0', 'hello');
  await publisher.publish(release, 'hello');
  const made = await running.operator('POST', '/api/v1/deployments', {
    ...{ target: release.path, to: { device: device.id }, rollout: { forced: true } },
  });
  assert.equal(made.status, 200, made.text);
  const ask = async (headers: Record<string, string>): Promise<DesiredState> =>
    desiredStateSchema.parse((await running.device(device, 'GET', '/device/v1/desired', undefined, headers)).json);
  const { hello } = (await ask({ [FORCE_HEADER]: '1' })).apps;
  assert.equal(hello?.force, true);
  const { force: _force, ...unforced } = hello;
  assert.deepEqual((await ask({})).apps, { hello: unforced });
});
