import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('nodeos.js', import.meta.url));

/** A Node of the host that is too old for the command itself. */
function findOldNode(): string | undefined {
  const nodes = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'node'));
  return nodes.find((node) => {
    const major = Number(/^v(\d+)/.exec(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout ?? '')?.[1]);
    return major >= 20 && major < 24;
  });
}
const old = findOldNode();
const runtimes = [
  ['this Node', process.execPath, false] as const,
  ['an older Node', old ?? '', !old && 'none on the PATH'] as const,
];

for (const [name, node, skip] of runtimes) {
  describe(`bin/nodeos.js under ${name}`, { skip }, () => {
    it('hands on output and exit code', () => {
      const version = spawnSync(node, [ENTRY, '--version'], { encoding: 'utf8' });
      assert.deepEqual([version.status, /^\d+\.\d+\.\d+\n$/.test(version.stdout)], [0, true]);
      const wrong = spawnSync(node, [ENTRY, 'frobnicate'], { encoding: 'utf8' });
      assert.equal(wrong.status, 2);
      assert.match(wrong.stderr, /^error INPUT_INVALID: /);
    });

    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      it(`ends in order after ${signal}`, async (test) => {
        const cwd = await mkdtemp(join(tmpdir(), 'nodeos-bin-'));
        test.after(() => rm(cwd, { recursive: true, force: true }));
        const ports = ['--port', '0', '--device-host', '127.0.0.1', '--device-port', '0', '--mqtt-port', '0'];
        const argv = [ENTRY, 'server', '--no-dashboard', '--no-save', ...ports];
        const child = spawn(node, argv, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
        for await (const chunk of child.stdout) if (String(chunk).includes('Ctrl-C')) break;
        child.kill(signal);
        assert.deepEqual(await once(child, 'exit'), [0, null]);
      });
    }
  });
}
