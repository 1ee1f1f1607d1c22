import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import { type Command, ROOT, runCommand, startCommand } from '../support/command.ts';
import { commandBlocks } from '../support/document.ts';
import { processesOf } from '../support/left-overs.ts';

/** What each program that goes on running says when the reader may go on. */
const READY: Readonly<Record<string, RegExp>> = { server: /Ctrl-C ends it/, device: /state +online as / };
const READY_LIMIT_MS = 180_000;

const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-guide-'));
const running: Command[] = [];
after(async () => {
  await Promise.all(running.map(interrupt));
  rmSync(folder, { recursive: true, force: true });
});

/** Ctrl-C in the terminal of a command: the signal goes to its whole process group, npx and what it started. */
async function interrupt({ child, ended }: Command): Promise<void> {
  const over = child.exitCode !== null || child.signalCode !== null;
  if (!over && child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
  await ended;
}

test('the commands of docs/getting-started.md work as they stand, one after the other', async () => {
  // npx finds the command as it does in a clone. Nothing is written to the clone, or to the user's configuration.
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const env = { XDG_CONFIG_HOME: join(folder, 'config') };
  const [port, devicePort, mqttPort, appPort] = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  // The usual ports may be taken on this machine.
  const withFreePorts = (command: string): string =>
    /nodeos server/.test(command)
      ? `${command} --port ${port} --device-port ${devicePort} --mqtt-port ${mqttPort}`
      : command.replaceAll('8081', String(appPort));
  const [setUp, ...blocks] = commandBlocks(readFileSync(join(ROOT, 'docs/getting-started.md'), 'utf8'));
  // This test runs in a clone in which that is done.
  assert.deepEqual(setUp?.commands, ['npm ci', 'node scripts/setup.js', 'npx nodeos doctor']);

  const printed: string[] = [];
  for (const { role, commands } of blocks) {
    for (const command of commands) {
      const line = withFreePorts(command);
      if (role !== '') {
        const started = startCommand('sh', ['-c', `exec ${line}`], { cwd: folder, env, detached: true });
        running.push(started);
        const ready = READY[role];
        assert.ok(ready, `no test knows when "${role}" is ready`);
        await started.waitFor(ready, READY_LIMIT_MS);
        continue;
      }
      const { code, stdout, stderr } = await runCommand('sh', ['-c', line], { cwd: folder, env });
      assert.equal(code, 0, `${line}\n${stdout}\n${stderr}`);
      printed.push(stdout);
    }
  }
  const all = printed.join('\n');
  assert.match(all, /^Hello from my-app 1\.0\.0 on Node\.js v24/m);
  assert.match(all, /my-app 1\.1\.0 listens on port 8080/);
  assert.match(printed.at(-1) ?? '', /first-device.*yes.*1\.1\.0.*my-app/);
});

test('Ctrl-C ends the server and the machine, and leaves no process behind', async () => {
  for (const command of running) {
    await interrupt(command);
    assert.deepEqual(processesOf(command.marker), []);
  }
});
