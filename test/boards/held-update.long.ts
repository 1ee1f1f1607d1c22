import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Deployment, type DeviceDetail, deploymentSchema } from '@nodeos/contracts/operator-api.ts';
import { validate } from '@nodeos/contracts/validate.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bundleApp } from '@nodeos/firmware/bundle/bundle-app.ts';
import { STORY_MACHINE, type StoryContext } from 'nodeos/demo/context.ts';
import { deploy, deviceUntil, outcomeOf, publish } from 'nodeos/demo/operator.ts';
import { bootDevice } from 'nodeos/demo/steps/boot-device.ts';
import { startFleet } from 'nodeos/demo/steps/start-fleet.ts';
import { buildSystem } from 'nodeos/demo/system-releases.ts';
import { followDeployment } from 'nodeos/deployment-watch.ts';
import { nodeos, ROOT } from '../support/command.ts';
import { livingFor } from '../support/lifetime.ts';
import { cannotEmulate } from './life.ts';

const BOARD = 'x86_64-usb';
const LIMIT_MS = 900_000;
const HELD = 'UPDATE_HELD: printer: a print is running';
/** Prints from its start until the operator says that it is done. */
const PRINTER = `const { holdUpdates, onConfiguration } = require('./nodeos-app.cjs');
holdUpdates('a print is running').then((hold) => onConfiguration(({ done }) => done && hold.release()));
setInterval(() => {}, 1000);
`;

async function printerApp({ build, board, folder: work }: StoryContext): Promise<string> {
  const folder = join(work, 'printer');
  mkdirSync(folder);
  const settings = { holdUpdatesMs: 86_400_000, memoryMiB: 64, soakMs: 500 };
  const manifest = { name: 'printer', version: '1.0.0', main: 'main.js', nodeos: settings };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(folder, 'main.js'), PRINTER);
  copyFileSync(join(ROOT, 'app/index.cjs'), join(folder, 'nodeos-app.cjs'));
  return (await bundleApp(build, { folder, board, out: `${folder}.sqfs` })).file;
}

test(
  'a system release waits for an app that is at work; a forced one does not',
  {
    skip: await cannotEmulate(BOARD),
  },
  () =>
    livingFor(BOARD, async (life) => {
      const context: StoryContext = { ...life.story(await loadBoard(BOARD)), machine: STORY_MACHINE };
      const fleet = (await startFleet(context, life.own)).value;
      const { operator } = fleet;
      const { device } = (await bootDevice(context, fleet, ({ emulator }) => life.watch(emulator))).value;
      const follow = { limitMs: LIMIT_MS, say: () => {} };
      const until = (accept: (device: DeviceDetail) => boolean, expected: string) =>
        deviceUntil(operator, device.id, accept, LIMIT_MS, expected);
      const begin = async (version: string, rollout: object): Promise<Deployment> => {
        const { slot } = (await buildSystem(context, 'slot', version, { root: fleet.root })).files;
        const { target } = await publish(operator, slot as string);
        const answer = await operator.client.send('POST', '/deployments', {
          target,
          to: { device: device.id },
          rollout,
        });
        return validate(deploymentSchema, answer, 'the new deployment');
      };
      const end = (deployment: Deployment): Promise<Deployment> =>
        followDeployment(operator.client, deployment, { say: () => {}, seconds: LIMIT_MS / 1000 });

      const printer = await publish(operator, await printerApp(context));
      const installed = await deploy(operator, printer.target, device.id, follow);
      assert.equal(installed.state, 'done', outcomeOf(installed).reason);

      const patient = await begin('1.1.0', {});
      const held = await until(
        ({ report, systemVersion }) => report?.updates.at(-1)?.reason === HELD || systemVersion === '1.1.0',
        'the wait for the printer',
      );
      assert.equal(held.systemVersion, '1.0.0', 'the system did not wait for the printer');
      const env = { NODEOS_SERVER: fleet.operatorUrl, NODEOS_TOKEN: fleet.token };
      const shown = await nodeos(['deployments', 'show', patient.id], { env });
      assert.match(shown.stdout, new RegExp(HELD));
      const set = await nodeos(['config', 'set', 'printer', 'done=true'], { env });
      assert.equal(set.code, 0, set.stderr);
      const updated = await end(patient);
      assert.equal(updated.state, 'done', outcomeOf(updated).reason);

      assert.equal((await nodeos(['config', 'unset', 'printer', 'done'], { env })).code, 0);
      await until(
        ({ apps, report }) => apps.printer?.state === 'running' && !report?.system.trial,
        'the printer at work',
      );
      const forced = await end(await begin('1.2.0', { forced: true }));
      assert.equal(forced.state, 'done', outcomeOf(forced).reason);
      await until(({ systemVersion }) => systemVersion === '1.2.0', 'system 1.2.0');
    }),
);
