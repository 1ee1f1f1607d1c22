import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Wifi } from '@nodeos/contracts/wifi.ts';
import { type Radios, startRadios } from './radios.ts';
import { startSupplicant } from './supplicant.ts';

const WIFI: Wifi = { networks: [{ ssid: 'Workshop', psk: 'a very secret word' }] };
const CONNECTED = 'wlan0: CTRL-EVENT-CONNECTED - Connection to 02:00:00:00:01:00 completed [id=0 id_str=]';

/** A machine with the given interfaces, and a program in the place of wpa_supplicant. */
async function machine(t: TestContext, names: readonly string[], program: string) {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-radios-'));
  const running: { stop(): void }[] = [];
  t.after(async () => {
    for (const each of running) each.stop();
    await rm(folder, { recursive: true });
  });
  const paths = {
    interfaces: join(folder, 'net'),
    wpaSupplicant: join(folder, 'wpa_supplicant'),
    wpaSupplicantConfig: join(folder, 'run/wifi/wpa_supplicant.conf'),
  };
  const add = async (name: string): Promise<void> => {
    await mkdir(join(paths.interfaces, name, name.startsWith('wlan') ? 'phy80211' : 'device'), { recursive: true });
    await writeFile(join(paths.interfaces, name, 'address'), '02:00:00:00:00:00\n');
  };
  await mkdir(paths.interfaces);
  for (const name of names) await add(name);
  await writeFile(paths.wpaSupplicant, `#!${process.execPath}\n${program}`, { mode: 0o755 });
  return { paths, add, running };
}

async function until(radios: Pick<Radios, 'onChange'>, holds: () => boolean): Promise<void> {
  if (holds()) return;
  await new Promise<void>((resolve) => radios.onChange(() => holds() && resolve()));
}

test('each wireless interface joins, a later one too; the key stands in a file for root alone and in no log', async (t) => {
  const says = JSON.stringify(`Line 1: Invalid PSK 'a very secret word'\n${CONNECTED}\n`);
  const { paths, add, running } = await machine(
    t,
    ['eth0', 'wlan0'],
    `process.stdout.write(${says}); setInterval(() => {}, 1000);`,
  );
  const log: string[] = [];
  const radios = startRadios(WIFI, paths, (line) => log.push(line));
  running.push(radios);
  await until(radios, () => radios.describe() === 'joined Workshop');
  assert.equal(radios.fault(), null);
  await add('wlan1');
  radios.look();
  radios.look();
  await until(radios, () => radios.describe() === 'wlan0 joined Workshop, wlan1 joined Workshop');
  assert.deepEqual(
    radios.report().map(({ name, mac, state }) => [name, mac, state]),
    [
      ['wlan0', '02:00:00:00:00:00', 'joined'],
      ['wlan1', '02:00:00:00:00:00', 'joined'],
    ],
  );
  assert.equal((await stat(paths.wpaSupplicantConfig)).mode & 0o777, 0o600);
  assert.equal((await stat(join(paths.wpaSupplicantConfig, '..'))).mode & 0o777, 0o700);
  const config = await readFile(paths.wpaSupplicantConfig, 'utf8');
  const key = /psk=(\w+)/.exec(config)?.[1] ?? '';
  assert.equal(key.length, 64);
  assert.doesNotMatch(log.join('\n'), new RegExp(`secret|${key}`));
  assert.ok(log.some((line) => line.includes('CTRL-EVENT-CONNECTED')));
});

test('a program that ends is started again with back-off, and told of when it does so at once each time', async (t) => {
  const { paths, running } = await machine(t, ['wlan0'], 'process.exit(1)');
  const log: string[] = [];
  const radios = startRadios(WIFI, paths, (line) => log.push(line));
  running.push(radios);
  await until(radios, () => radios.fault()?.code === 'WIFI_FAILED');
  assert.equal(log.filter((line) => /ended by code 1, started again soon/.test(line)).length, 3);
  assert.equal(radios.describe(), 'does not work');
  await writeFile(paths.wpaSupplicant, `#!${process.execPath}\nconsole.log(${JSON.stringify(CONNECTED)})`);
  await until(radios, () => radios.describe() === 'joined Workshop');
});

test('a program that is not there is told of', async (t) => {
  const { paths, running } = await machine(t, ['wlan0'], '');
  const log: string[] = [];
  const radios = startRadios(WIFI, { ...paths, wpaSupplicant: '/nowhere' }, (line) => log.push(line));
  running.push(radios);
  await until(radios, () => radios.fault()?.code === 'WIFI_FAILED');
  assert.match(log.join('\n'), /wlan0: spawn \/nowhere ENOENT/);
});

test('where no network comes into reach, that is told', async (t) => {
  const { paths, running } = await machine(t, ['wlan0'], 'setInterval(() => {}, 1000)');
  const state = await new Promise((resolve) => {
    const supplicant = startSupplicant({
      ...{ program: paths.wpaSupplicant, config: '/dev/null', interfaceName: 'wlan0', networks: WIFI.networks },
      ...{ log: () => {}, searchLimitMs: 20, onChange: () => resolve(supplicant.state()) },
    });
    running.push(supplicant);
  });
  assert.deepEqual(state, { state: 'not-found', ssid: null });
});

test('without networks nothing is started and nothing is written', async (t) => {
  const { paths } = await machine(t, ['wlan0'], 'process.exit(1)');
  const radios = startRadios(undefined, paths, assert.fail);
  radios.look();
  assert.deepEqual([radios.describe(), radios.fault(), radios.report()], [null, null, []]);
  await assert.rejects(stat(paths.wpaSupplicantConfig), { code: 'ENOENT' });
  radios.stop();
});
