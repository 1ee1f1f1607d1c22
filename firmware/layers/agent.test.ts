import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assetPath } from '../assets.ts';
import { runTool } from '../run-tool.ts';
import { buildAgent, bundleAgent } from './agent.ts';
import { LayerFixture } from './layer-fixture.testing.ts';
import { findNode20 } from './node-20.testing.ts';

let fixture: LayerFixture;
before(async () => {
  fixture = await LayerFixture.make();
});
after(() => fixture.remove());

describe('bundleAgent', () => {
  it('gives the same bytes twice, without the folder that they were made in', async () => {
    const [first, second] = [await bundleAgent(), await bundleAgent()];
    assert.deepEqual(first, second);
    const root = join(assetPath('device-agent', 'src'), '../..');
    for (const [name, bytes] of first) assert.ok(!bytes.includes(root), `${name} names ${root}`);
  });

  it('leaves out what a device never reaches: WebSocket, SOCKS, a second copy of streams', async () => {
    const agent = (await bundleAgent()).get('agent.js')?.toString() ?? '';
    assert.match(agent, /mqttjs_/);
    assert.doesNotMatch(agent, /permessage-deflate|SocksClientError|errorOrDestroy/);
  });

  it('is a script that Node can parse', async () => {
    const { dir } = await buildAgent(fixture.context());
    await runTool(process.execPath, ['--check', join(dir, 'agent.js')]);
  });
});

const node20 = findNode20();
const skip = node20 === null && process.env.CI === undefined ? 'there is no Node.js 20 on the PATH' : false;

describe('the agent on Node 20', { skip }, () => {
  it('starts, and loads all that it does its work with', async () => {
    const { dir } = await buildAgent(fixture.context());
    const root = join(fixture.folder, 'device');
    const parts = ['boot_part', 'slot_a_part', 'slot_b_part', 'data_part', 'disk', 'data_note'].map((key) => `${key}=`);
    const facts = ['slot=a', 'disk_id=0badcafe', 'data=ram', 'grown=0', 'trial=0', 'watchdog=0', ...parts].join('\n');
    const release = { format: 1, board: 'example', version: '1.0.0', buildTime: 0, nodeVersion: '20.19.2', files: {} };
    const boot = { chain: 'grub', trial: 'kexec' };
    const manifest = JSON.stringify({ ...release, boot, commandLine: '', kernelRelease: '6.12' });
    const files = {
      'run/nodeos/boot': facts,
      'run/nodeos/slot/manifest.json': manifest,
      'proc/uptime': '1.00 1.00\n',
      'data/.system/agent/logs/empty': '',
    };
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(root, path, '..'), { recursive: true });
      await writeFile(join(root, path), text);
    }
    // Without a disk it ends where it looks for its slots: after the network was started, by what is loaded last.
    const { stdout, code } = await runTool(node20 ?? 'node', [join(dir, 'agent.js')], {
      env: { NODEOS_ROOT: root, NODE_OPTIONS: '' },
      okCodes: [1],
    });
    assert.equal(code, 1);
    assert.match(stdout.toString(), /^agent: dhcpcd: /m);
    assert.match(stdout.toString(), /^agent: ends: NodeosError: .*\/start/m);
    assert.doesNotMatch(stdout.toString(), /(Syntax|Reference|Type)Error/);
  });
});

describe('buildAgent', () => {
  it('puts another script in the place of the agent and keeps the other parts', async () => {
    const override = join(fixture.folder, 'broken.js');
    await writeFile(override, 'process.exit(1);\n');
    const { dir } = await buildAgent(fixture.context(), override);
    assert.equal(await readFile(join(dir, 'agent.js'), 'utf8'), 'process.exit(1);\n');
    assert.ok(await readFile(join(dir, 'app-preload.cjs')));
  });

  it('names a script that is not there', async () => {
    await assert.rejects(buildAgent(fixture.context(), join(fixture.folder, 'missing.js')), {
      code: 'FILE_UNREADABLE',
      message: /missing\.js/,
    });
  });
});
