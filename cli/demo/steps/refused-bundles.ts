import { join } from 'node:path';
import { readReleaseKey } from '../../release/key-folder.ts';
import { bundleHello } from '../app-releases.ts';
import { STORY_LIMITS, type StoryContext } from '../context.ts';
import type { Device } from '../device.ts';
import { deploy, outcomeOf, publish, readDevice } from '../operator.ts';
import { expectThat, type StepOutcome } from '../reporter.ts';
import { RequestLoop } from '../request-loop.ts';
import { replaceRelease, restoreTargets, tamperWithBlob } from '../thief.ts';
import type { Fleet } from './start-fleet.ts';

/** Step 10: a bundle that was changed in the store, and one that a thief of the whole server signed. Neither runs. */
export async function refuseBundles(
  context: StoryContext,
  fleet: Fleet,
  device: Device,
  say: (text: string) => void,
): Promise<StepOutcome<null>> {
  const loop = new RequestLoop({ url: device.appUrl, requestLimitMs: 1_000, signal: context.signal });
  try {
    await loop.next((version) => version === '2.0.0', STORY_LIMITS.firstAnswerMs, '2.0.0 does not answer');
    const tampered = await deployTampered(context, fleet, device, say);
    expectThat(/^HASH_MISMATCH/.test(tampered), 'HASH_MISMATCH as the reason', tampered);
    const stolen = await deployStolen(context, fleet, device, say);
    expectThat(/^(SIGNATURE_INVALID|METADATA_INVALID)/.test(stolen), 'a signature fault as the reason', stolen);
    await loop.next((version) => version === '2.0.0', STORY_LIMITS.firstAnswerMs, '2.0.0 does not answer any more');
    const outage = await loop.stop();
    expectThat(outage.versions.join() === '2.0.0', 'answers of 2.0.0 only', outage.versions.join());
    const { apps } = await readDevice(fleet.operator, device.id);
    expectThat(
      apps.hello?.version === '2.0.0' && apps.hello.state === 'running',
      'hello 2.0.0 running',
      JSON.stringify(apps.hello),
    );
    return {
      value: null,
      facts: [`tampered: ${tampered}`, `signed with a wrong key: ${stolen}`, 'hello 2.0.0 answered throughout'],
    };
  } finally {
    await loop.stop();
  }
}

async function deployTampered(
  context: StoryContext,
  fleet: Fleet,
  device: Device,
  say: (text: string) => void,
): Promise<string> {
  const bundle = await bundleHello(context, '4.0.0');
  const { target, sha256 } = await publish(fleet.operator, bundle.file);
  await tamperWithBlob(fleet.folders, sha256);
  return deployRefused(fleet, device, target, say);
}

async function deployStolen(
  context: StoryContext,
  fleet: Fleet,
  device: Device,
  say: (text: string) => void,
): Promise<string> {
  const { client, keys } = fleet.operator;
  const bundle = await bundleHello(context, '5.0.0');
  const { target } = await publish(fleet.operator, bundle.file);
  const trusted = (await client.getText('/tuf/targets.json')) ?? '';
  const evil = await bundleHello(context, '5.0.0-evil', { greeting: 'This must never be seen.' });
  await client.upload(`/blobs/${evil.sha256}`, evil.file, () => {});
  await replaceRelease(fleet.folders, target, evil, join(context.folder, 'thief.pem'));
  const reason = await deployRefused(fleet, device, target, say);
  await client.send('PUT', '/tuf/targets', await restoreTargets(trusted, keys, await readReleaseKey(keys)));
  return reason;
}

async function deployRefused(
  fleet: Fleet,
  device: Device,
  target: string,
  say: (text: string) => void,
): Promise<string> {
  const deployment = await deploy(fleet.operator, target, device.id, { limitMs: STORY_LIMITS.appDeployMs, say });
  expectThat(deployment.state === 'failed', `${target} refused`, `deployment ${deployment.state}`);
  return outcomeOf(deployment).reason;
}
