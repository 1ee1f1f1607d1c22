import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { bundleApp } from '@nodeos/firmware/bundle/bundle-app.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { APP_PORT, STORY_LIMITS, type StoryContext } from 'nodeos/demo/context.ts';
import type { Device } from 'nodeos/demo/device.ts';
import { deploy, outcomeOf, publish } from 'nodeos/demo/operator.ts';
import { askJson } from 'nodeos/demo/request-loop.ts';
import type { Fleet } from 'nodeos/demo/steps/start-fleet.ts';

/** As they stand in the registry, not changed. rpi-gpio counts pins as on the header (16 is GPIO 23), onoff as the chip. */
const PACKAGES = { 'rpi-gpio': '2.1.7', onoff: '6.0.3' };

/** Sets a pin high and low through each package and reads it back; answers what was read. */
const PROGRAM = `
const http = require('node:http');
const { promise: rpi, DIR_OUT } = require('rpi-gpio');
const { Gpio } = require('onoff');
const { readFileSync } = require('node:fs');
const seen = { version: require('./package.json').version };
async function main() {
  await rpi.setup(16, DIR_OUT);
  seen.rpiGpio = [];
  for (const value of [true, false, true]) {
    await rpi.write(16, value);
    seen.rpiGpio.push(await rpi.read(16));
  }
  seen.file = readFileSync('/sys/class/gpio/gpio23/value', 'utf8').trim();
  const pin = new Gpio(24, 'out');
  seen.onoff = [1, 0, 1].map((value) => { pin.writeSync(value); return pin.readSync(); });
  seen.direction = pin.direction();
  pin.unexport();
  await rpi.destroy();
}
main().catch((error) => { seen.error = String(error.stack); }).finally(() => {
  http.createServer((request, response) => response.end(JSON.stringify(seen))).listen(${APP_PORT});
});
`;

/** An app that depends on the two most used GPIO packages sets pins and reads them back, without root rights. */
export async function useGpioPackages(
  t: TestContext,
  context: StoryContext,
  fleet: Fleet,
  device: Device,
): Promise<void> {
  await t.test('rpi-gpio and onoff, as they are, set pins and read them back', async () => {
    const folder = join(context.folder, 'pins');
    await mkdir(folder);
    const manifest = {
      name: 'hello',
      version: '9.0.0',
      private: true,
      scripts: { start: 'node main.js' },
      dependencies: PACKAGES,
      nodeos: { ports: [APP_PORT], devices: ['gpio'], soakMs: 0 },
    };
    await writeFile(join(folder, 'package.json'), JSON.stringify(manifest));
    await writeFile(join(folder, 'main.js'), PROGRAM);
    await runTool('npm', ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: folder,
    });
    const bundle = await bundleApp(context.build, { folder, board: context.board, out: `${folder}.sqfs` });
    const { target } = await publish(fleet.operator, bundle.file);
    const limits = { limitMs: STORY_LIMITS.appDeployMs, say: () => {} };
    const deployment = await deploy(fleet.operator, target, device.id, limits);
    assert.equal(deployment.state, 'done', outcomeOf(deployment).reason);
    assert.deepEqual(await askJson(device.appUrl, STORY_LIMITS.firstAnswerMs), {
      version: '9.0.0',
      rpiGpio: [true, false, true],
      file: '1',
      onoff: [1, 0, 1],
      direction: 'out',
    });
  });
}
