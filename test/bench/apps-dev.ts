import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startDevelopmentDevice, untilAnswers } from './development-device.ts';
import { percentile } from './percentile.ts';
import type { Measurement } from './table.ts';

const EDITS = 10;
const LIMIT_MS = 300_000;
/** Whoever edits looks at what came of it first. */
const PAUSE_MS = 10_000;

/**
 * From the moment a file is written here until the emulated device answers with what stands in it, by turns with plain
 * starts of the same program there.
 */
export async function measureEditToRunning(): Promise<Measurement[]> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-bench-dev-'));
  const closers: (() => Promise<void>)[] = [];
  const end = new AbortController();
  try {
    const { device, edit, develop } = await startDevelopmentDevice(folder, end.signal, (close) =>
      closers.unshift(close),
    );
    const command = develop();
    closers.unshift(async () => {
      command.child.kill('SIGINT');
      await command.ended;
    });
    await command.waitFor(/running after/, LIMIT_MS);
    const edits: number[] = [];
    const plain: number[] = [];
    for (let at = 1; at <= EDITS; at++) {
      await delay(PAUSE_MS);
      const answer = await fetch(`${device.appUrl}plain`, { signal: AbortSignal.timeout(LIMIT_MS) });
      plain.push(Number(await answer.text()) / 1000);
      await edit(`edit ${at}`);
      const written = performance.now();
      await untilAnswers(device.appUrl, `edit ${at}`, LIMIT_MS);
      edits.push((performance.now() - written) / 1000);
    }
    return editRows(edits, plain);
  } finally {
    for (const close of closers) await close();
    end.abort();
    await rm(folder, { recursive: true, force: true });
  }
}

/** @param edits seconds until each edit ran @param plain seconds of each start of plain `node` */
export function editRows(edits: readonly number[], plain: readonly number[]): Measurement[] {
  const [edited, started] = [percentile(edits, 50), percentile(plain, 50)];
  const row = { unit: 's', aim: null };
  return [
    { ...row, name: '`nodeos dev`, edit to running, median', value: edited, aim: 2 },
    { ...row, name: `\`nodeos dev\`, edit to running, slowest of ${edits.length}`, value: Math.max(...edits) },
    { ...row, name: 'the same program, start of plain node there, median', value: started },
    { ...row, name: 'edit to running, to a start of plain node', value: edited / started, unit: '' },
  ];
}
