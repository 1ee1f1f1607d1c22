import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { findNode20 } from '@nodeos/firmware/layers/node-20.testing.ts';
import { ROOT, runCommand } from '../support/command.ts';

const node20 = findNode20();
const skip = node20 === null && process.env.CI === undefined ? 'there is no Node.js 20 on the PATH' : false;

it('all unit tests of the agent and of the contracts pass on Node 20, too', { skip }, async () => {
  const files = globSync(['device-agent/src/**/*.test.ts', 'contracts/*.test.ts'], { cwd: ROOT });
  assert.ok(files.length > 20);
  const args = ['--test', '--test-reporter=tap', ...files];
  // Their children are Node 20 as well.
  const env = { NODE_OPTIONS: `--import ${join(ROOT, 'test/support/node-20/register.mjs')}` };
  const { code, stdout, stderr } = await runCommand(node20 ?? 'node', args, { env });
  assert.equal(code, 0, `${stdout.match(/^not ok.*$/gm)?.join('\n')}\n${stderr}`);
  assert.match(stdout, /^# fail 0$/m);
});
