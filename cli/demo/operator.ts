import { NodeosError } from '@nodeos/contracts/errors.ts';
import {
  type Deployment,
  type DeviceDetail,
  deploymentSchema,
  deviceDetailSchema,
  deviceSummarySchema,
} from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { z } from 'zod';
import type { ServerClient } from '../client.ts';
import { followDeployment } from '../deployment-watch.ts';
import { publishRelease } from '../release/publish.ts';
import type { ChangeWatch } from './change-watch.ts';

/** An operator with a release key, at work on one server: the same calls as the command's verbs. */
export interface Operator {
  readonly client: ServerClient;
  readonly changes: ChangeWatch;
  /** Folder of the release keys. */
  readonly keys: string;
}

/** Signs and uploads; gives the target path. */
export async function publish(
  operator: Operator,
  file: string,
): Promise<{ target: string; bytes: number; sha256: string }> {
  const { target } = await publishRelease(operator.client, file, { keys: operator.keys });
  return { target: target.path, bytes: target.bytes, sha256: target.sha256 };
}

/** Deploys to one device and follows it to its end, whatever that is. */
export async function deploy(
  operator: Operator,
  target: string,
  device: string,
  options: { readonly limitMs: number; readonly say: (text: string) => void },
): Promise<Deployment> {
  const answer = await operator.client.send('POST', '/deployments', { target, to: { device } });
  const deployment = validate(deploymentSchema, answer, 'the new deployment');
  return followDeployment(operator.client, deployment, { say: options.say, seconds: options.limitMs / 1000 });
}

/** What the one device said of how the deployment ended. */
export function outcomeOf(deployment: Deployment): { state: string; reason: string } {
  const [device] = deployment.devices;
  return { state: device?.state ?? 'no device', reason: device?.reason ?? '' };
}

export function readDevice(operator: Operator, id: string): Promise<DeviceDetail> {
  return operator.client.get(`/devices/${id}`, deviceDetailSchema);
}

/** The id of the only device; null while there is none. @throws NodeosError STORY_FAILED where there are more */
export async function onlyDevice(operator: Operator): Promise<string | null> {
  const { devices } = await operator.client.get('/devices', z.object({ devices: z.array(deviceSummarySchema) }));
  if (devices.length > 1) throw new NodeosError('STORY_FAILED', `expected: one device; seen: ${devices.length}`);
  return devices[0]?.id ?? null;
}

/** Waits until the device is online and what it reports is accepted. */
export function deviceUntil(
  operator: Operator,
  id: string,
  accept: (device: DeviceDetail) => boolean,
  limitMs: number,
  expected: string,
): Promise<DeviceDetail> {
  return operator.changes.until(
    () => readDevice(operator, id),
    (device) => device.online && accept(device),
    limitMs,
    expected,
    (device) => describeDevice(device),
  );
}

function describeDevice(device: DeviceDetail): string {
  const slot = device.report === null ? 'no report' : `slot ${device.report.system.slot}`;
  const apps = Object.entries(device.apps).map(([name, app]) => `${name} ${app.version} ${app.state}`);
  return [device.online ? 'online' : 'offline', `system ${device.systemVersion}`, slot, ...apps].join(', ');
}
