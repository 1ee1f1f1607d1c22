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
  assert.ok(memoryOf('sleep') < 20_000_000);
  assert.equal(memoryOf('a-program-of-no-name'), 0);
});
