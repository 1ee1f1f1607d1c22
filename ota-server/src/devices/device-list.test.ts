import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AuditEntry } from '@nodeos/contracts/audit.ts';
import type { DeviceReport } from '@nodeos/contracts/device-api.ts';
import type { DeviceActionAnswer, DeviceIssue, FleetOverview } from '@nodeos/contracts/device-list.ts';
import type { DeviceSummary } from '@nodeos/contracts/operator-api.ts';
import { connectAsync } from 'mqtt';
import { type DeviceIdentity, deviceReport, type RunningServer, runServer } from '../testing/running-server.ts';
import { until } from '../testing/until.ts';
import { issuesOfReport } from './device-status.ts';

const app = (version: string, state: 'running' | 'backing-off' = 'running') => ({
  ...{ version, state, sha256: 'f'.repeat(64), restarts: 0, reason: null },
});
const inventory = (freeKiB: number) => ({
  ...{ serial: 's', timeZone: 'UTC', kernel: '6.12', nodeVersion: '20.0.0', network: [] },
  storage: { totalKiB: 1000, freeKiB },
});

/** `kiosk-10` fails, `kiosk-2` has little room and is connected, `plain` has said nothing, `waits` waits, `gone` is revoked. */
async function makeFleet(running: RunningServer): Promise<Readonly<Record<string, DeviceIdentity>>> {
  const kiosk10 = await running.enrolledDevice(['kiosk'], 'K10');
  const kiosk2 = await running.enrolledDevice(['kiosk', 'beta'], 'K2');
  const plain = await running.enrolledDevice([], 'plain');
  const gone = await running.enrolledDevice([], 'gone');
  await running.operator('POST', `/api/v1/devices/${gone.id}/revoke`, {});
  const status = { lane: 'app', name: 'hello', version: '2.0.0', target: 't', deployment: 'd', percent: null } as const;
  await running.device(
    kiosk10,
    'POST',
    '/device/v1/report',
    deviceReport({
      hostname: 'kiosk-10',
      apps: { hello: app('1.0.0', 'backing-off') },
      updates: [{ ...status, state: 'failed', reason: 'APP_START_FAILED: exit code 1' }],
    }),
  );
  await running.device(
    kiosk2,
    'POST',
    '/device/v1/report',
    deviceReport({
      hostname: 'kiosk-2',
      system: { version: '1.10.0', slot: 'b', trial: false },
      apps: { hello: app('1.0.0'), other: app('3.0.0') },
      inventory: inventory(99),
      updates: [{ ...status, state: 'fetching', percent: 10, reason: null }],
    }),
  );
  return { kiosk10, kiosk2, plain, gone };
}

test('the list of devices: by status, words and query, in order, page by page, with how many there are', async (context) => {
  const running = await runServer(context);
  const { kiosk2 } = await makeFleet(running);
  const client = await connectAsync(running.server.addresses.mqtt.url, {
    ...{ protocolVersion: 4, clientId: kiosk2?.id, ca: running.ca, cert: kiosk2?.certificate, key: kiosk2?.keyPem },
  });
  context.after(() => client.endAsync(true));
  const ask = async (query: string) => {
    const answer = await running.operator('GET', `/api/v1/devices?${query}`);
    assert.equal(answer.status, 200, answer.text);
    const { devices, total } = answer.json as { devices: DeviceSummary[]; total: number };
    return [total, ...devices.map(({ name }) => name)];
  };
  await until('a device online', async () => (await ask('status=online'))[0] === 1);
  assert.deepEqual(await ask(''), [4, 'kiosk-10', 'kiosk-2', 'plain', 'gone']);
  assert.deepEqual(await ask('order=attention'), [4, 'kiosk-2', 'kiosk-10', 'plain', 'gone']);
  assert.deepEqual(await ask('order=-name'), [4, 'plain', 'kiosk-10', 'kiosk-2', 'gone']);
  assert.deepEqual((await ask('order=-system'))[1], 'kiosk-2', '1.10.0 is newer than 1.0.0');
  assert.deepEqual(await ask('order=attention&offset=1&limit=2'), [4, 'kiosk-10', 'plain']);
  assert.deepEqual(await ask('order=attention&offset=9&limit=2'), [4]);
  assert.deepEqual(await ask('search=HELLO 1.0&order=name'), [2, 'kiosk-2', 'kiosk-10']);
  assert.deepEqual(await ask('search=beta'), [1, 'kiosk-2']);
  assert.deepEqual(await ask('tag=kiosk&state=active&search=kiosk-10'), [1, 'kiosk-10']);
  assert.deepEqual(await ask('status=offline'), [2, 'kiosk-10', 'plain']);
  assert.deepEqual(await ask('status=updating'), [1, 'kiosk-2']);
  assert.deepEqual(await ask('status=update-failed'), [1, 'kiosk-10']);
  assert.deepEqual(await ask('status=app-failing'), [1, 'kiosk-10']);
  assert.deepEqual(await ask('status=low-storage'), [1, 'kiosk-2']);
  assert.deepEqual(await ask('status=healthy'), [0]);
  assert.deepEqual(await ask('status=ailing'), [1, 'kiosk-2']);
  assert.deepEqual(await ask(`query=${encodeURIComponent('system > 1.2.0 and tag:kiosk')}&limit=5`), [1, 'kiosk-2']);
  const wrong = await running.operator('GET', `/api/v1/devices?query=${encodeURIComponent('system >')}`);
  assert.equal(wrong.json.error.code, 'QUERY_INVALID');

  const overview = (await running.operator('GET', '/api/v1/overview')).json as FleetOverview;
  assert.deepEqual(overview, {
    devices: { total: 4, pending: 0, active: 3, revoked: 1 },
    health: { healthy: 0, ailing: 1, offline: 2 },
    updating: 1,
    issues: ['update-failed', 'app-failing', 'low-storage'].map((issue) => ({ issue, devices: 1 })),
    systems: [
      { board: 'x86_64-usb', version: '1.0.0', devices: 2 },
      { board: 'x86_64-usb', version: '1.10.0', devices: 1 },
    ],
    apps: [
      { name: 'hello', version: '1.0.0', devices: 2, failing: 1 },
      { name: 'other', version: '3.0.0', devices: 1, failing: 0 },
    ],
    tags: [
      { tag: 'beta', board: 'x86_64-usb', devices: 1 },
      { tag: 'kiosk', board: 'x86_64-usb', devices: 2 },
    ],
  });
});

test('what is the matter, as a report tells it: each at its limit, and nothing of what is not known', () => {
  const at = (temperature: number | null) => ({
    metrics: { load: { one: 0, five: 0, fifteen: 0 }, processors: 1, temperature, eventLoopDelayMs: null },
  });
  const memory = (availableKiB: number) => ({ memory: { totalKiB: 1000, availableKiB, agentRssKiB: 50 } });
  const cases: [Partial<DeviceReport>, DeviceIssue[]][] = [
    [{}, []],
    [at(80), ['hot']],
    [at(79.9), []],
    [at(null), []],
    [memory(99), ['low-memory']],
    [memory(100), []],
    [{ inventory: inventory(99) }, ['low-storage']],
    [{ inventory: inventory(100) }, []],
    [{ inventory: { ...inventory(0), storage: { totalKiB: 0, freeKiB: 0 } }, dataStore: 'ram' }, ['data-in-memory']],
  ];
  for (const [change, issues] of cases) assert.deepEqual(issuesOfReport(deviceReport(change)), issues);
});

test('one action on many devices: what it cannot be done to is named, each is in the audit log, and a stale count stops it', async (context) => {
  const running = await runServer(context);
  const fleet = await makeFleet(running);
  const act = async (action: object, to: object) => {
    const answer = await running.operator('POST', '/api/v1/devices/actions', { action, to });
    return { status: answer.status, ...(answer.json as DeviceActionAnswer & { error: { code: string } }) };
  };
  const tagsOf = async (device: DeviceIdentity | undefined) =>
    (await running.operator('GET', `/api/v1/devices/${device?.id}`)).json.tags;
  const ids = [fleet.kiosk10?.id, fleet.plain?.id, fleet.plain?.id, 'nobody'];

  const tagged = await act({ kind: 'add-tag', tag: 'berlin' }, { devices: ids });
  assert.deepEqual([tagged.done, tagged.failed.map(({ id, code }) => [id, code])], [2, [['nobody', 'NOT_FOUND']]]);
  assert.deepEqual(await tagsOf(fleet.kiosk10), ['berlin', 'kiosk']);
  const { entries } = (await running.operator('GET', '/api/v1/audit?limit=5')).json as { entries: AuditEntry[] };
  assert.deepEqual(
    entries.toReversed().map(({ target, outcome }) => `${target} ${outcome}`),
    [
      '/devices/actions accepted',
      `/devices/${fleet.kiosk10?.id} accepted`,
      `/devices/${fleet.plain?.id} accepted`,
      '/devices/nobody accepted',
      '/devices/nobody failed',
    ],
  );
  assert.equal((await running.operator('GET', '/api/v1/audit/check')).json.fault, null);

  const filter = { query: 'tag:berlin' };
  const stale = await act({ kind: 'revoke' }, { filter, count: 3 });
  assert.deepEqual([stale.status, stale.error.code], [409, 'CONFLICT']);
  const untagged = await act({ kind: 'remove-tag', tag: 'kiosk' }, { filter, count: 2 });
  assert.deepEqual([untagged.done, untagged.failed], [2, []]);
  assert.deepEqual(await tagsOf(fleet.kiosk10), ['berlin']);
  assert.deepEqual(await tagsOf(fleet.kiosk2), ['kiosk', 'beta']);
  const rebooted = await act({ kind: 'reboot' }, { filter, count: 2 });
  assert.deepEqual([rebooted.done, rebooted.failed.map(({ code }) => code)], [0, ['DEVICE_OFFLINE', 'DEVICE_OFFLINE']]);
  const approved = await act({ kind: 'approve' }, { devices: [fleet.gone?.id] });
  assert.deepEqual([approved.done, approved.failed[0]?.code], [0, 'CONFLICT']);
  const revoked = await act({ kind: 'revoke' }, { filter, count: 2 });
  assert.deepEqual([revoked.done, revoked.failed], [2, []]);
  const left = (await running.operator('GET', '/api/v1/devices?state=active')).json.devices as DeviceSummary[];
  assert.deepEqual(
    left.map(({ id }) => id),
    [fleet.kiosk2?.id],
  );
  assert.equal((await running.device(fleet.plain ?? null, 'GET', '/device/v1/desired')).status, 403);
});
