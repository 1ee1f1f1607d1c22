import { ERROR_HINTS, type ErrorCode, NodeosError } from '@nodeos/contracts/errors.ts';
import { type Deployment, deploymentSchema } from '@nodeos/contracts/operator-api.ts';
import type { ServerClient } from './client.ts';

/** It has nothing more to do unless an operator says so; a pause and an approval are waited for. */
const ENDED: ReadonlySet<Deployment['state']> = new Set(['done', 'failed', 'aborted', 'halted', 'turned-back']);

/** Changes of percentages and missed events are picked up after this time at the latest. */
const REFRESH_MS = 2_000;

export interface WatchOptions {
  /** Called with one line for each change. */
  readonly say: (line: string) => void;
  /** Gives up after this time. */
  readonly seconds?: number;
}

/**
 * Follows a deployment until it has ended.
 * @throws NodeosError DEVICE_OFFLINE where the time is over first, and the client's errors
 */
export async function followDeployment(
  client: ServerClient,
  deployment: Deployment,
  options: WatchOptions,
): Promise<Deployment> {
  const stop = new AbortController();
  const deadline = options.seconds === undefined ? Number.POSITIVE_INFINITY : Date.now() + options.seconds * 1000;
  const changes = watchChanges(client, stop.signal);
  const shown = new Map<string, string>();
  try {
    for (let current = deployment; ; current = await client.get(`/deployments/${deployment.id}`, deploymentSchema)) {
      sayChanges(current, shown, options.say);
      if (ENDED.has(current.state)) return current;
      if (Date.now() >= deadline)
        throw new NodeosError('DEVICE_OFFLINE', `deployment ${current.id} has not ended after ${options.seconds} s`, {
          hint: 'It goes on without this command; `nodeos devices show` tells where it stands.',
        });
      await changes.next(Math.min(REFRESH_MS, deadline - Date.now()));
    }
  } finally {
    stop.abort();
  }
}

/** @throws NodeosError with the code that the first failed device gave as its reason */
export function assertDeployed(deployment: Deployment): void {
  if (deployment.state === 'done') return;
  if (deployment.state === 'aborted') throw new NodeosError('CONFLICT', `deployment ${deployment.id} was aborted`);
  const failed = deployment.devices.filter((device) => device.state === 'failed');
  const reason = failed[0]?.reason ?? 'the device gave no reason';
  const [, word, rest] = /^([A-Z_]+): (.*)$/s.exec(reason) ?? [];
  const fallback: ErrorCode = deployment.kind === 'system' ? 'TRIAL_FAILED' : 'APP_START_FAILED';
  const code = word !== undefined && word in ERROR_HINTS ? (word as ErrorCode) : fallback;
  const named = failed.slice(0, 3).map((device) => device.id);
  const where = [...named, ...(failed.length > 3 ? [`${failed.length - 3} more`] : [])].join(', ');
  const stopped = deployment.reason === null ? '' : ` (${deployment.state}: ${deployment.reason})`;
  throw new NodeosError(code, `${deployment.target} failed on ${where}: ${code === word ? rest : reason}${stopped}`);
}

function sayChanges(deployment: Deployment, shown: Map<string, string>, say: (line: string) => void): void {
  const stage = `${deployment.state}, wave ${deployment.wave + 1} of ${deployment.waves.length}`;
  if (deployment.waves.length > 1 && shown.get('') !== stage) say(`${deployment.name} ${deployment.version}: ${stage}`);
  shown.set('', stage);
  for (const device of deployment.devices) {
    if (device.state === 'planned') continue;
    const percent = device.percent === null || device.state !== 'working' ? '' : ` ${Math.floor(device.percent)} %`;
    const text = `${device.state}${percent}${device.reason ? `: ${device.reason}` : ''}`;
    if (shown.get(device.id) === text) continue;
    shown.set(device.id, text);
    say(`${deployment.name} ${deployment.version} on ${device.name || device.id}: ${text}`);
  }
}

/** Wakes at each change that the server tells of, at the latest after the given time. */
function watchChanges(client: ServerClient, signal: AbortSignal): { next(limitMs: number): Promise<void> } {
  let wake: (() => void) | undefined;
  let pending = false;
  const run = async (): Promise<void> => {
    for await (const _ of client.events('/events', signal)) {
      pending = true;
      wake?.();
    }
  };
  // Without events the refresh interval still shows every change; a server that is gone shows at the next request.
  run().catch(() => {});
  return {
    next(limitMs) {
      if (pending) {
        pending = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.max(0, limitMs));
        wake = () => {
          clearTimeout(timer);
          pending = false;
          resolve();
        };
      });
    },
  };
}
