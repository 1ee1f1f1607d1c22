import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import type { StoryContext } from 'nodeos/demo/context.ts';
import type { Device } from 'nodeos/demo/device.ts';
import { readDevice } from 'nodeos/demo/operator.ts';
import type { Fleet } from 'nodeos/demo/steps/start-fleet.ts';
import { runCli } from 'nodeos/main.ts';

const EDITS = 5;
/** Not the port of the app that runs already. */
const PORT = 8090;

/** A module that a compiler made: its stack names src/sensor.ts by the map that it carries. */
const COMPILED = `throw new Error('no sensor');\n//# sourceMappingURL=data:application/json;base64,${Buffer.from(
  JSON.stringify({ version: 3, sources: ['src/sensor.ts'], names: [], mappings: 'AAGA' }),
).toString('base64')}\n`;

/** A new app from a template, worked on while it runs on the device: `nodeos new`, `nodeos dev`, edits, a mistake. */
export async function developOnDevice(
  t: TestContext,
  context: StoryContext,
  fleet: Fleet,
  device: Device,
): Promise<void> {
  await t.test('nodeos dev brings each edit to the device and names lines of the sources here', async (subtest) => {
    const folder = join(context.folder, 'tryout');
    const main = join(folder, 'server.js');
    const terminal = openTerminal(context.folder);
    assert.equal(await runCli(['new', 'tryout'], terminal.io), 0);
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    manifest.nodeos.ports = [PORT];
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
    const server = ['--server', fleet.operatorUrl, '--token', fleet.token, '--keys', fleet.operator.keys];
    const ended = runCli(['dev', 'tryout', '--device', device.id, ...server], terminal.io);
    const failed = ended.then((code) =>
      Promise.reject(new Error(`nodeos dev ended with ${code}:\n${terminal.text()}`)),
    );
    failed.catch(() => {});
    const said = (pattern: RegExp) => Promise.race([terminal.said(pattern), failed]);

    await said(/files: running after [\d.]+ s/);
    await said(/tryout 1\.0\.0 listens on port/);
    const source = await readFile(main, 'utf8');
    for (let edit = 1; edit <= EDITS; edit++) {
      const began = performance.now();
      await writeFile(main, source.replace('listens on', `edit ${edit} listens on`));
      await said(/^server\.js: running after [\d.]+ s/m);
      const running = performance.now() - began;
      await said(new RegExp(`edit ${edit} listens on port ${PORT}`));
      subtest.diagnostic(
        `edit ${edit}: running after ${(running / 1000).toFixed(2)} s, its line here after ${((performance.now() - began) / 1000).toFixed(2)} s`,
      );
      terminal.clear();
    }
    await writeFile(main, COMPILED);
    await said(new RegExp(`at .*${join(folder, 'src/sensor.ts')}:4:1`));
    await said(/server\.js: the app ended, see its log/);
    terminal.stop();
    await ended;
    const { apps } = await readDevice(fleet.operator, device.id);
    assert.match(apps.tryout?.version ?? '', /^1\.0\.0-dev\./);
    assert.equal(apps.tryout?.restarts, 0, 'the runner survives the app’s mistakes');
  });
}

/** What a person would see, and Ctrl-C. */
function openTerminal(cwd: string) {
  const stop = new AbortController();
  const waiters = new Set<() => void>();
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      for (const waiter of waiters) waiter();
      done();
    },
  });
  return {
    io: { stdout: stream, stderr: stream, signal: stop.signal, env: process.env, cwd },
    text: () => text,
    clear: () => {
      text = '';
    },
    stop: () => stop.abort(),
    said: (pattern: RegExp): Promise<void> =>
      new Promise((resolve) => {
        const check = (): void => {
          if (!pattern.test(text)) return;
          waiters.delete(check);
          resolve();
        };
        waiters.add(check);
        check();
      }),
  };
}
