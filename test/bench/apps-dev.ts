import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevelopmentDevice, untilAnswers } from './development-device.ts';
import { percentile } from './percentile.ts';
import type { Measurement } from './table.ts';

const EDITS = 10;
const LIMIT_MS = 300_000;

/** From the moment a file is written here until the emulated device answers with what stands in it. */
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
    const seconds: number[] = [];
    for (let at = 1; at <= EDITS; at++) {
      await edit(`edit ${at}`);
      const written = performance.now();
      await untilAnswers(device.appUrl, `edit ${at}`, LIMIT_MS);
      seconds.push((performance.now() - written) / 1000);
    }
    return [
      { name: '`nodeos dev`, edit to running, median', value: percentile(seconds, 50), unit: 's', aim: 2 },
      {
        name: `\`nodeos dev\`, edit to running, slowest of ${EDITS}`,
        value: Math.max(...seconds),
        unit: 's',
        aim: null,
      },
    ];
  } finally {
    for (const close of closers) await close();
    end.abort();
    await rm(folder, { recursive: true, force: true });
  }
}
