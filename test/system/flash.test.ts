import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { freePort } from '@nodeos/firmware/emulate/ports.ts';
import { makeLoopDevice } from '@nodeos/firmware/flash/loop-device.testing.ts';
import { receiptSchema } from '@nodeos/firmware/flash/receipt.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { APP_PORT, STORY_LIMITS } from 'nodeos/demo/context.ts';
import { deviceUntil, onlyDevice } from 'nodeos/demo/operator.ts';
import { askVersion } from 'nodeos/demo/request-loop.ts';
import { startFleet } from 'nodeos/demo/steps/start-fleet.ts';
import { sharedCache } from '../support/build.ts';
import { nodeos } from '../support/command.ts';
import { livingFor } from '../support/lifetime.ts';

const MIB = 1_048_576;
const STICK_BYTES = 1024 * MIB;
const APP = new URL('../../examples/hello', import.meta.url).pathname;

interface Stick {
  /** What `nodeos flash` writes to. */
  readonly path: string;
  /** Where its bytes are. */
  readonly file: string;
  readonly pull: () => Promise<void>;
}

/** A loop device; an ordinary file where this host gives none, which is then said. */
async function makeStick(t: TestContext, folder: string): Promise<Stick> {
  try {
    const { path, file, detach } = await makeLoopDevice(folder, STICK_BYTES);
    return { path, file, pull: detach };
  } catch (error) {
    if (!isNodeosError(error)) throw error;
    t.diagnostic(`HOST_UNSUPPORTED: no loop device, the stick is a file: ${error.message}`);
    const file = join(folder, 'medium.img');
    await runTool('truncate', ['--size', String(STICK_BYTES), file]);
    return { path: file, file, pull: async () => {} };
  }
}

test('a stick flashed with a board and an app boots from USB, grows, enrols and runs the app; nobody types anything', async (t) => {
  await livingFor('flash', async ({ folder, signal, own, watch, story }) => {
    const board = await loadBoard('x86_64-usb');
    const { value: fleet } = await startFleet(story(board), own);
    const stick = await makeStick(t, folder);
    let plugged = true;
    own(async () => {
      if (plugged) await stick.pull();
    });

    const image = ['--board', board.name, '--app', APP, '--keys', fleet.operator.keys];
    const server = ['--server', fleet.operatorUrl, '--token', fleet.token, '--auto-approve', '--hostname', 'hall'];
    const to = ['--drive', stick.path, '--yes', '--receipts', join(folder, 'receipts')];
    const flashed = await nodeos(['flash', '--json', ...image, ...server, ...to]);
    assert.equal(flashed.code, 0, flashed.stderr);
    const answer = JSON.parse(flashed.stdout);
    const receipt = receiptSchema.parse(answer.receipts[0]);
    assert.equal(receipt.verdict, 'done');
    assert.equal(receipt.fleetFile, true);
    assert.ok(receipt.drive.bytes > receipt.image.bytes);
    const { stdout: fleetFile } = await runTool('mtype', ['-i', `${stick.path}@@${4 * MIB}`, '::/fleet.json']);
    assert.equal(JSON.parse(fleetFile.toString()).claimToken, answer.claimCode);
    await runTool('sfdisk', ['--verify', stick.path]);
    await stick.pull();
    plugged = false;

    const port = await freePort();
    const { emulate } = board;
    assert.ok(emulate !== null);
    const boot = async () => {
      const { emulator } = await bootImage({
        ...{ emulate, image: stick.file, inPlace: true, bus: 'usb', folder },
        ...{ forwards: [{ host: port, guest: APP_PORT }], cacheRoot: sharedCache(), signal },
      });
      watch(emulator);
      return emulator;
    };
    const emulator = await boot();
    const id = await fleet.operator.changes.until(
      () => onlyDevice(fleet.operator),
      (found: string | null) => found !== null,
      STORY_LIMITS.bootMs,
      'a device that enrols with the claim token',
      () => 'none',
    );
    const device = await deviceUntil(
      fleet.operator,
      id as string,
      ({ report, apps, events }) =>
        report !== null && apps.hello?.state === 'running' && events.some(({ kind }) => kind === 'boot'),
      STORY_LIMITS.bootMs,
      'hello running',
    );
    assert.equal(device.name, 'hall');
    assert.equal(device.report?.dataStore, 'disk');
    assert.match(device.events.find(({ kind }) => kind === 'boot')?.text ?? '', /data partition grown/);
    assert.equal(await askVersion(`http://127.0.0.1:${port}/`, STORY_LIMITS.firstAnswerMs), '1.0.0');
    await emulator.stop();
    const table = JSON.parse((await runTool('sfdisk', ['--json', stick.file])).stdout.toString()).partitiontable;
    const data = table.partitions.at(-1) as { start: number; size: number };
    assert.ok((data.start + data.size) * 512 > STICK_BYTES - MIB, 'the data partition ends before the stick does');

    await t.test('a fleet file that somebody broke is told of on the console and to the server', async () => {
      await runTool('mcopy', ['-o', '-i', `${stick.file}@@${4 * MIB}`, '-', '::/fleet.json'], {
        input: '{"server": 1}',
      });
      const again = await boot();
      await again.console.expect(/trouble +FLEET_FILE_INVALID/, STORY_LIMITS.bootMs, 'the trouble on the console');
      await deviceUntil(
        fleet.operator,
        id as string,
        ({ events }) => events.some(({ kind, text }) => kind === 'error' && text.startsWith('FLEET_FILE_INVALID')),
        STORY_LIMITS.bootMs,
        'the fault at the server',
      );
    });
  });
});
