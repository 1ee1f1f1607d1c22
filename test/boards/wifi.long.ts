import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Board } from '@nodeos/contracts/board.ts';
import type { DeviceDetail } from '@nodeos/contracts/operator-api.ts';
import type { Wifi, WifiState } from '@nodeos/contracts/wifi.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { bootImage } from '@nodeos/firmware/emulate/boot-image.ts';
import { copyDisk } from '@nodeos/firmware/emulate/disk-copy.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { STORY_LIMITS, type StoryContext } from 'nodeos/demo/context.ts';
import { deviceUntil, onlyDevice } from 'nodeos/demo/operator.ts';
import { startFleet } from 'nodeos/demo/steps/start-fleet.ts';
import { build, sharedCache } from '../support/build.ts';
import { fillDataPartition } from '../support/data-partition.ts';
import { cannotEmulate } from './life.ts';

/** The access point takes room. */
const DATA_MIB = 48;
const HERE = join(import.meta.dirname, 'wifi');
const NAME = 'Workshop 1';
const RIGHT = 'the right word';
const WRONG = 'the wrong word';
/** What the machine of the emulator does not need, and what the simulated radios stand in the place of. */
const LEFT_OUT = /^feature\/(display-pc|net-pc|usb|usb-pci|watchdog-pc|kexec)\.config$/;
/** Debian's access point judges what our device does at the radio. */
const PROGRAMS = ['/usr/sbin/hostapd', '/usr/sbin/iw', '/usr/bin/busybox'];

/** The 64-bit PC with two radios, of which one is the access point's. */
async function boardWithRadios(folder: string): Promise<{ board: Board; path: string }> {
  const pc = await loadBoard('x86_64-usb');
  const fragments = [
    ...pc.kernel.fragments.filter((fragment) => !LEFT_OUT.test(fragment)),
    'feature/wifi-simulated.config',
  ];
  const board: Board = {
    ...pc,
    name: 'x86_64-radios',
    wifi: true,
    partitions: { ...pc.partitions, dataMiB: DATA_MIB },
    kernel: { ...pc.kernel, fragments },
    node: { ...pc.node, systemFlags: [...pc.node.systemFlags, '--require=/data/tools/access-point.cjs'] },
  };
  const path = join(folder, 'x86_64-radios.json');
  writeFileSync(path, JSON.stringify(board));
  return { board, path };
}

/** Puts the access point and what it is linked with onto the data partition. */
async function addAccessPoint(image: string): Promise<void> {
  const { stdout } = await runTool('ldd', PROGRAMS.slice(0, 2));
  const libraries = new Map(
    [...stdout.toString().matchAll(/(lib(?:nl|ssl|crypto)[\w.-]+) => (\S+)/g)].map(([, name = '', file = '']) => [
      name,
      realpathSync(file),
    ]),
  );
  const entry = (name: string, file: string, mode = 0o755) => ({ path: `/tools/${name}`, owner: 0, mode, file });
  await fillDataPartition(
    image,
    [
      { path: '/tools', owner: 0, mode: 0o755 },
      ...PROGRAMS.map((file) => entry(file.split('/').at(-1) as string, file)),
      ...[...libraries].map(([name, file]) => entry(name, file)),
      ...['access-point.cjs', 'serve-network.cjs', 'hostapd.conf', 'udhcpd.conf'].map((name) =>
        entry(name, join(HERE, name), 0o644),
      ),
    ],
    DATA_MIB,
  );
}

function radio({ report }: DeviceDetail): { state: WifiState; ssid: string | null } | undefined {
  return report?.inventory?.network.find(({ name }) => name === 'wlan0')?.wifi;
}

test('a device with a cable and a radio joins the network of its fleet file, and tells what keeps it out', async (t) => {
  const skip = await cannotEmulate('x86_64-usb');
  if (skip !== false) return t.skip(skip);
  const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-wifi-'));
  const end = new AbortController();
  const closers: (() => Promise<void>)[] = [];
  const own = (close: () => Promise<void>): void => void closers.unshift(close);
  let consoleTail = (): string => '';
  try {
    const { board, path } = await boardWithRadios(folder);
    const { emulate } = board;
    assert.ok(emulate !== null);
    const { files } = await build(['--board', path, '--out', folder]);
    await addAccessPoint(files.image as string);
    const disk = join(folder, 'disk.img');
    await copyDisk(files.image as string, disk, 512 * 1_048_576);
    const cache = { cacheRoot: sharedCache(), signal: end.signal };
    const context: StoryContext = {
      build: { ...cache, progress: () => {}, locked: false },
      ...{ board, folder, signal: end.signal, dashboardPort: 0 },
    };
    const { value: fleet } = await startFleet(context, own);
    const boot = async (wifi: Wifi) => {
      const file = { ...fleet.fleetFile, network: { wifi } };
      const options = { emulate, image: disk, inPlace: true, fleet: file, folder, memoryMiB: 256, ...cache };
      const { emulator } = await bootImage(options);
      own(() => emulator.stop());
      consoleTail = () => emulator.console.tail(60);
      return emulator;
    };
    const reported = async (what: string, holds: (device: DeviceDetail) => boolean): Promise<DeviceDetail> => {
      const { changes } = fleet.operator;
      const known = (id: string | null): boolean => id !== null;
      const id = await changes.until(() => onlyDevice(fleet.operator), known, STORY_LIMITS.bootMs, what, String);
      return deviceUntil(fleet.operator, id as string, holds, STORY_LIMITS.bootMs, what);
    };

    await t.test('a passphrase that is not the network’s is told of on the screen and to the server', async () => {
      const emulator = await boot({ networks: [{ ssid: NAME, psk: WRONG }] });
      const { console } = emulator;
      await console.expect(/trouble +WIFI_KEY_WRONG: the network Workshop 1 /, STORY_LIMITS.bootMs, 'the trouble');
      const device = await reported('the wrong passphrase at the server', (found) => {
        const told = found.events.some(({ kind, text }) => kind === 'error' && text.startsWith('WIFI_KEY_WRONG'));
        return told && radio(found)?.state === 'wrong-key';
      });
      assert.deepEqual(radio(device), { state: 'wrong-key', ssid: NAME });
      assert.doesNotMatch(console.lines.map(({ text }) => text).join('\n') + JSON.stringify(device), /wrong word/);
      await emulator.stop();
    });

    await t.test('once the fleet file is corrected it joins, and goes on to prefer the cable', async () => {
      const emulator = await boot({ country: 'DE', networks: [{ ssid: 'Elsewhere' }, { ssid: NAME, psk: RIGHT }] });
      const { console } = emulator;
      await console.expect(/WiFi: joined Workshop 1/, STORY_LIMITS.bootMs, 'the network on the screen');
      const both = /^WIFI (.*"eth0".*"wlan0".*|.*"wlan0".*"eth0".*)$/;
      const { text } = await console.expect(both, STORY_LIMITS.bootMs, 'two routes');
      const { mode, routes } = JSON.parse(text.slice('WIFI '.length));
      assert.equal(mode, '600');
      const metric = new Map<string, number>(routes);
      assert.ok((metric.get('eth0') as number) < (metric.get('wlan0') as number), text);
      const device = await reported(
        'an address of the WiFi network at the server',
        ({ report }) => report?.addresses.some((address) => address.startsWith('192.168.77.')) === true,
      );
      assert.deepEqual(radio(device), { state: 'joined', ssid: NAME });
      assert.doesNotMatch(console.lines.map((line) => line.text).join('\n') + JSON.stringify(device), /right word/);
      await emulator.stop();
    });

    await t.test('a network that is not in reach is told of', async () => {
      const emulator = await boot({ networks: [{ ssid: 'Elsewhere', psk: RIGHT }] });
      await emulator.console.expect(/trouble +WIFI_NOT_FOUND/, STORY_LIMITS.bootMs, 'the trouble');
      await reported('a network not found', (found) => radio(found)?.state === 'not-found');
      await emulator.stop();
    });
  } catch (error) {
    (error as Error).message = `${(error as Error).message}\nlast lines of the console:\n${consoleTail()}`;
    throw error;
  } finally {
    end.abort();
    for (const close of closers) await close();
    rmSync(folder, { recursive: true, force: true });
  }
});
