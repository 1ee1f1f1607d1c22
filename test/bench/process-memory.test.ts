import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { memoryOf } from './process-memory.ts';

test('the memory of a program is that of the processes of its name that this one started', async (context) => {
  assert.equal(memoryOf('sleep'), 0);
  const script = 'sleep 60 & sleep 60 & echo begun; wait';
  const shell = spawn('sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  context.after(() => process.kill(-(shell.pid as number)));
  await once(shell.stdout as NodeJS.ReadableStream, 'data');
  const deadline = Date.now() + 10_000;
  while (memoryOf('sleep') === 0) {
    assert.ok(Date.now() < deadline, 'no process of that name was found');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const octets = memoryOf('sleep');
  assert.ok(octets > 50_000 && octets < 20_000_000, `${octets} octets`);
  assert.equal(memoryOf('a-program-of-no-name'), 0);
});

test('a process that another one took over is not counted', async (context) => {
  // The shell is gone at once, and what it started belongs to the machine.
  const shell = spawn('sh', ['-c', 'tail -f /dev/null >/dev/null 2>&1 & echo $!'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [pid] = await once(shell.stdout as NodeJS.ReadableStream, 'data');
  context.after(() => process.kill(Number(pid)));
  if (shell.exitCode === null) await once(shell, 'exit');
  assert.equal(memoryOf('tail'), 0);
});
