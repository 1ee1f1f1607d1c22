import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Deployment } from '@nodeos/contracts/operator-api.ts';
import { openSqliteStore } from './store/sqlite/store.ts';
import { openDashboard, signIn } from './testing/dashboard.ts';
import { makePublisher } from './testing/publish.ts';
import { appTarget } from './testing/release-keys.ts';
import { type RunningServer, runServer } from './testing/running-server.ts';
import { assignment, deployment, device } from './testing/store-records.ts';
import { temporaryFolder } from './testing/temporary-folder.ts';

const COUNT = 60;

/** A server that has seen sixty deployments, `d1` to `d60`: all are done but `d3`, which is paused. */
async function runOldFleet(context: TestContext): Promise<RunningServer> {
  const dataDir = await temporaryFolder(context);
  const server = openSqliteStore(join(dataDir, 'server.sqlite'));
  const store = server.fleet('main');
  await store.addDevice(device('kiosk', { tags: ['all'] }));
  for (let n = 1; n <= COUNT; n++) {
    const state = n === 3 ? 'paused' : 'done';
    await store.rollouts.addDeployment({ ...deployment(`d${n}`), state, version: `1.${n}.0`, createdAt: n });
    await store.rollouts.addAssignments([{ ...assignment(`d${n}`, 'kiosk'), state: 'confirmed' }]);
  }
  await server.close();
  return runServer(context, dataDir, true);
}

test('deployments: the newest and those that have not ended, and older ones page by page', async (context) => {
  const running = await runOldFleet(context);
  const ids = async (query: string): Promise<string[]> => {
    const answer = await running.operator('GET', `/api/v1/deployments?${query}`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.deployments.map(({ id }: Deployment) => id);
  };
  assert.equal((await ids('')).length, COUNT);
  assert.deepEqual(await ids('recent=2'), ['d60', 'd59', 'd3']);
  assert.deepEqual(await ids('before=d3'), ['d2', 'd1']);
  assert.deepEqual(await ids('before=d59&limit=3'), ['d58', 'd57', 'd56']);
  assert.equal((await running.operator('GET', '/api/v1/deployments?before=none')).status, 404);
  const [shown] = (await running.operator('GET', '/api/v1/deployments?recent=1')).json.deployments as Deployment[];
  assert.deepEqual([shown?.counts, shown?.waves[0]?.size], [{ confirmed: 1 }, 1]);
  assert.deepEqual(
    shown?.devices.map(({ name, state }) => [name, state]),
    [['S-kiosk', 'confirmed']],
  );

  await running.operator('POST', '/api/v1/fleets', { id: 'north', name: 'North' });
  const page = await openDashboard(context, running);
  if (page === null) return;
  await signIn(page, running);
  await page.getByRole('link', { name: /^Deployments/ }).click();
  const cards = page.locator('[data-deployment]');
  const shownIds = () => cards.evaluateAll((all) => all.map((one) => one.getAttribute('data-deployment')));
  await cards.first().waitFor();
  assert.deepEqual((await shownIds()).length, 26);
  assert.equal((await shownIds()).at(-1), 'd3', 'what has not ended is there, however old');
  const more = page.getByRole('button', { name: 'Show older ones' });
  await more.press('Enter');
  await page.locator('[data-deployment="d11"]').waitFor();
  const publisher = await makePublisher(running);
  const target = await appTarget('hello', '9.0.0', 'the bundle');
  await publisher.publish(target, 'the bundle');
  await running.operator('POST', '/api/v1/deployments', { target: target.path, to: { tag: 'all' } });
  await cards.first().getByText('9.0.0').waitFor();
  assert.ok((await shownIds()).includes('d36'), 'what a newer one has pushed out of the newest is still there');
  await more.press('Enter');
  await page.locator('[data-deployment="d1"]').waitFor();
  await more.waitFor({ state: 'detached' });
  const all = await shownIds();
  assert.deepEqual([all.length, new Set(all).size], [COUNT + 1, COUNT + 1], 'each is there once');
  await page.getByLabel('Fleet', { exact: true }).selectOption('north');
  await page.getByText('Nothing published yet').waitFor();
  await page.getByLabel('Fleet', { exact: true }).selectOption('main');
  await cards.first().waitFor();
  assert.equal((await shownIds()).length, 26, 'another fleet is looked at anew');
});
