import { isNodeosError, NodeosError } from '@nodeos/contracts/errors.ts';
import { tryReport, type UpdaterContext } from './context.ts';
import { passGates } from './gates.ts';

export type AppGate = (signal: AbortSignal) => Promise<void>;

/**
 * What an app must leave to the device once it has soaked: its way to the server, which was open when the update was
 * told. Where there was none, as on a device that stands alone, there is nothing to ask.
 * @throws NodeosError APP_CUT_OFF
 */
export function appGate(context: UpdaterContext): AppGate | undefined {
  return context.serverAnswers() > 0 ? (signal) => untilServerAnswers(context, signal) : undefined;
}

/**
 * Whether it was the app that kept the device from its server: with the previous version back, the server is there
 * again. If it is not, it is the server or the network that went, and the update is tried again.
 * @param label name and version of the app
 * @returns the error to be held against the app, or FETCH_FAILED
 */
export async function judgeAppFault(context: UpdaterContext, error: unknown, label: string): Promise<unknown> {
  if (!isNodeosError(error) || error.code !== 'APP_CUT_OFF') return error;
  try {
    await untilServerAnswers(context);
  } catch {
    return new NodeosError('FETCH_FAILED', `the server was not reached, neither with ${label} nor without it`);
  }
  return new NodeosError('APP_CUT_OFF', `${label} kept the device from its server: ${error.message}`);
}

/** Asks the server, which its session goes on to do by itself; what it answered before does not count. */
async function untilServerAnswers(context: UpdaterContext, signal?: AbortSignal): Promise<void> {
  const { options } = context;
  const { appServerTimeoutMs, systemGatesIntervalMs } = options.limits;
  const before = context.serverAnswers();
  await tryReport(context);
  await passGates(
    {
      observe: async () => ({
        atMs: options.monotonicMs(),
        serverReached: context.serverAnswers() > before,
        appsFault: null,
        ...options.memory(),
      }),
      async pause() {
        await options.delay(systemGatesIntervalMs);
        signal?.throwIfAborted();
      },
    },
    {
      serverNeeded: true,
      soakMs: 0,
      timeoutMs: appServerTimeoutMs,
      minAvailableKiB: 0,
      maxAgentRssKiB: Number.POSITIVE_INFINITY,
    },
    (reason) => new NodeosError('APP_CUT_OFF', reason),
  );
}
