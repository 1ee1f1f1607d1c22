import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleApp } from '@nodeos/firmware/bundle/bundle-app.ts';
import { STORY_LIMITS, type StoryContext } from 'nodeos/demo/context.ts';
import type { Device } from 'nodeos/demo/device.ts';
import { deploy, deviceUntil, outcomeOf, publish, readDevice } from 'nodeos/demo/operator.ts';
import { expectThat } from 'nodeos/demo/reporter.ts';
import type { Fleet } from 'nodeos/demo/steps/start-fleet.ts';
import type { Measurement } from './table.ts';

/** What an idle hour brings: a report and a question for the desired state every five minutes. */
const TICKS_AN_HOUR = 12;
const APP_UPDATES = 100;
const REPORT_LIMIT_MS = 30_000;
const WEB_PORT = 8090;

/** Says its version; listens where it is given a port. */
const TICKER = `
console.log(process.env.NODEOS_VERSION);
if (process.env.PORT) require('node:http').createServer((_, answer) => answer.end()).listen(process.env.PORT);
setInterval(() => {}, 60000);
`;

/**
 * Resident memory of the agent as it reports it: at rest, after an hour's worth of ticks, after many app updates, and then
 * with all that makes an app reachable.
 */
export async function measureAgentMemory(
  context: StoryContext,
  fleet: Fleet,
  device: Device,
  say: (text: string) => void,
): Promise<Measurement[]> {
  const atRest = await reportedMemory(fleet, device);
  for (let tick = 1; tick <= TICKS_AN_HOUR; tick++) {
    await fleet.tell(device.id, { kind: 'desired-changed', generation: 0 });
    await reportedMemory(fleet, device);
  }
  const afterIdle = await reportedMemory(fleet, device);
  say(`idle ticks: ${atRest.toFixed(1)} to ${afterIdle.toFixed(1)} MB`);
  for (let update = 1; update <= APP_UPDATES; update++) {
    await updateTicker(context, fleet, device, `1.0.${update}`);
    if (update % 10 !== 0) continue;
    const now = await reportedMemory(fleet, device);
    say(`app updates: ${update} of ${APP_UPDATES}, ${now.toFixed(1)} MB`);
  }
  const afterUpdates = await reportedMemory(fleet, device);
  await updateTicker(context, fleet, device, '2.0.0', { ports: [WEB_PORT], web: true });
  const reachable = await reportedMemory(fleet, device);
  return [
    { name: 'agent memory at rest', value: atRest, unit: 'MB', aim: 70 },
    {
      name: `agent memory after ${TICKS_AN_HOUR} reports and polls`,
      value: afterIdle,
      unit: 'MB',
      aim: 70,
    },
    { name: `agent memory after ${APP_UPDATES} app updates`, value: afterUpdates, unit: 'MB', aim: 70 },
    { name: 'agent memory with proxy and multicast DNS for one of them', value: reachable, unit: 'MB', aim: null },
  ];
}

/** Asks for a report and waits for it. Gives MB (decimal). */
async function reportedMemory(fleet: Fleet, device: Device): Promise<number> {
  const before = (await readDevice(fleet.operator, device.id)).lastSeen ?? 0;
  await fleet.tell(device.id, { kind: 'report-now' });
  const { report } = await deviceUntil(
    fleet.operator,
    device.id,
    (now) => (now.lastSeen ?? 0) > before,
    REPORT_LIMIT_MS,
    'a report that was asked for',
  );
  return ((report?.memory.agentRssKiB ?? 0) * 1024) / 1e6;
}

async function updateTicker(
  context: StoryContext,
  fleet: Fleet,
  device: Device,
  version: string,
  settings: object = {},
): Promise<void> {
  const folder = join(context.folder, `ticker-${version}`);
  await mkdir(folder);
  const manifest = { name: 'ticker', version, scripts: { start: 'node main.js' }, nodeos: { soakMs: 0, ...settings } };
  await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
  await writeFile(join(folder, 'main.js'), TICKER);
  const bundle = await bundleApp(context.build, { folder, board: context.board, out: `${folder}.sqfs` });
  const { target } = await publish(fleet.operator, bundle.file);
  const deployment = await deploy(fleet.operator, target, device.id, {
    limitMs: STORY_LIMITS.appDeployMs,
    say: () => {},
  });
  expectThat(deployment.state === 'done', `ticker ${version} confirmed`, outcomeOf(deployment).reason);
}
