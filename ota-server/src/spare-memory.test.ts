import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { Bursts } from './spare-memory.ts';
import { until } from './testing/until.ts';

test('a burst is over with the first calm time after it, once', () => {
  const bursts = new Bursts();
  const seen = [0.1, 0.6, 0.2, 0.9, 0.6, 1, 0.3, 0.2, 0.6, 0.1].map((utilization) => bursts.isOver(utilization));
  assert.deepEqual(
    seen.flatMap((over, index) => (over ? [index] : [])),
    [6],
  );
});

test('after each burst V8 collects as if memory ran out, and the kernel sees the process shrink', async (context) => {
  const script = `
    import { releaseAfterBursts } from './spare-memory.ts';
    releaseAfterBursts(200);
    const work = (count) => Array.from({ length: count }, (_, index) => ({ index, text: 'x' + index }));
    let busy = false;
    const burst = async () => {
      const kept = [];
      while (busy) {
        kept.push(work(20_000));
        if (kept.length > 100) kept.shift();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    process.on('message', () => {
      busy = !busy;
      void burst();
    });
    setInterval(() => work(3_000), 100);`;
  // V8 tells why it collected: `testing` where it was asked to, `(reduce)` where it gives back what it does not need.
  const words = ['--trace-gc', '--input-type=module-typescript', '--eval', script];
  const child = spawn(process.execPath, words, {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  context.after(() => child.kill());
  let trace = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    trace += chunk.toString();
  });
  const collections = (): number =>
    trace.split('\n').filter((line) => /Mark-Compact \(reduce\).* testing;/.test(line)).length;
  const residentKiB = async (): Promise<number> =>
    Number(/^VmRSS:\s+(\d+) kB/m.exec(await readFile(`/proc/${child.pid}/status`, 'utf8'))?.[1]);
  for (const burst of ['first', 'second']) {
    child.send('busy');
    await until(`the ${burst} burst`, async () => (await residentKiB()) > 400_000, 60_000);
    const before = collections();
    child.send('calm');
    await until(`the collection after the ${burst} burst`, () => collections() > before, 60_000);
    await until(`the memory of the ${burst} burst`, async () => (await residentKiB()) < 200_000, 60_000);
  }
});
