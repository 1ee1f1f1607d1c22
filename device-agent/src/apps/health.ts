import { NodeosError } from '@nodeos/contracts/errors.ts';
import { delay } from '../backoff.ts';
import type { Instance } from './instance.ts';
import { probeKind, probeOnce } from './probe.ts';

const PROBE_STEP_MS = 100;
const SOAK_PROBE_STEP_MS = 1_000;
/** Probes in a row that may stay unanswered during a soak: one is no proof on a busy machine. */
const SOAK_FAILURES_MAX = 3;
/** An app that nothing can be asked of is taken for started when it has lived this long. */
const ALIVE_MS = 1_000;

/** Runs `work` until it ends or the instance does; @throws NodeosError APP_START_FAILED where the instance ended first. */
export async function whileAlive<T>(instance: Instance, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const died = instance.ended.then(() => {
    throw startFailed(instance, instance.reason());
  });
  try {
    return await Promise.race([work(stop.signal), died]);
  } finally {
    stop.abort();
  }
}

/**
 * Resolves when the app answers its probe for the first time.
 * @throws NodeosError APP_START_FAILED, or APP_PROBE_FAILED with what the last probe met
 */
export function untilHealthy(instance: Instance, limitMs: number): Promise<void> {
  const { manifest } = instance.app;
  return whileAlive(instance, async (signal) => {
    if (probeKind(manifest) === 'alive') return delay(Math.max(0, ALIVE_MS - instance.ranMs()), signal);
    const endAt = performance.now() + limitMs;
    for (;;) {
      try {
        return await ask(instance);
      } catch (error) {
        if (performance.now() >= endAt) throw probeFailed(instance, `${(error as Error).message} within ${limitMs} ms`);
      }
      await delay(PROBE_STEP_MS, signal);
      if (signal.aborted) return;
    }
  });
}

/** Resolves when the app has kept running and answering for its soak time; throws as `untilHealthy` does. */
export function soak(instance: Instance, soakMs: number, over?: AbortSignal): Promise<void> {
  return whileAlive(instance, async (alive) => {
    const signal = over ? AbortSignal.any([alive, over]) : alive;
    const endAt = performance.now() + soakMs;
    let failures = 0;
    for (let left = soakMs; !signal.aborted; left = endAt - performance.now()) {
      await delay(Math.max(0, Math.min(SOAK_PROBE_STEP_MS, left)), signal);
      try {
        await ask(instance);
        failures = 0;
      } catch (error) {
        if (++failures >= SOAK_FAILURES_MAX)
          throw probeFailed(instance, `${(error as Error).message}, ${failures} times in a row`);
      }
      if (failures === 0 && performance.now() >= endAt) return;
    }
  });
}

/** A soak that lasts until the gate has been passed. @throws what the gate throws, or as `soak` does */
export async function soakUntil(instance: Instance, gate: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const over = new AbortController();
  try {
    await Promise.race([gate(over.signal), soak(instance, Number.POSITIVE_INFINITY, over.signal)]);
  } finally {
    over.abort();
  }
}

/** What the app says of itself goes before what it answers. @throws Error one sentence */
export async function ask({ app, channel, connect }: Instance): Promise<void> {
  if (channel?.unhealthy) throw new Error(`it says: ${channel.unhealthy}`);
  await probeOnce(app.manifest, connect);
}

export function startFailed(instance: Instance, reason: string): NodeosError {
  return new NodeosError('APP_START_FAILED', `${label(instance)} ${reason}`);
}

function probeFailed(instance: Instance, reason: string): NodeosError {
  return new NodeosError('APP_PROBE_FAILED', `${label(instance)} is not healthy: ${reason}`);
}

function label(instance: Instance): string {
  return `${instance.app.manifest.name} ${instance.app.manifest.version}`;
}
