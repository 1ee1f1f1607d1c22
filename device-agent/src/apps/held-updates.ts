import { delay } from '../backoff.ts';
import type { AppRuntime } from '../ports.ts';
import type { RunningApp } from './running-app.ts';

/** A timer may end that much before its time. */
const EARLY_MS = 2;

/** See AppRuntime.untilReleased. An app that takes hold again while it is waited for gets no time of its own for it. */
export async function untilReleased(
  apps: ReadonlyMap<string, RunningApp>,
  ...[update, onHeld, signal]: Parameters<AppRuntime['untilReleased']>
): Promise<void> {
  const from = performance.now();
  const leftMs = ({ app }: RunningApp): number => (app.manifest.holdUpdatesMs ?? 0) - (performance.now() - from);
  const holding = (): { readonly app: RunningApp; readonly by: string }[] =>
    [...apps].flatMap(([name, app]) => {
      const held = update.endsAll || name === update.name ? (app.instance?.channel?.held ?? null) : null;
      return held === null || leftMs(app) <= 0 ? [] : [{ app, by: `${name}: ${held}` }];
    });

  async function untilLetGo(app: RunningApp): Promise<void> {
    const channel = app.instance?.channel;
    if (!channel) return;
    const title = update.name === 'system' ? `system ${update.version}` : `${update.name} ${update.version}`;
    app.note(`${title} waits, at most ${Math.ceil(leftMs(app) / 1000)} s: ${channel.held}`);
    const over = new AbortController();
    const either = AbortSignal.any([over.signal, signal]);
    await Promise.race([channel.untilReleased(update, either), delay(leftMs(app) + EARLY_MS, either)]);
    over.abort();
  }

  for (let all = holding(); all.length > 0 && !signal.aborted; all = holding()) {
    onHeld(all.map(({ by }) => by).join('; '));
    await Promise.all(all.map(({ app }) => untilLetGo(app)));
  }
}
