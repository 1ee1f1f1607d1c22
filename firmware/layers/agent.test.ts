import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assetPath } from '../assets.ts';
import { runTool } from '../run-tool.ts';
import { buildAgent, bundleAgent } from './agent.ts';
import { LayerFixture } from './layer-fixture.testing.ts';

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
