import assert from 'node:assert/strict';
import { test } from 'node:test';
import { listBoards } from '../boards.ts';
import { boardLinks, planRoot, rootPackages } from './root-files.ts';

test('every program finds its loader: the path in it leads through links to a library of the root', async () => {
  const loaders = new Map((await listBoards()).map((board) => [board.architecture.debian, boardLinks(board)]));
  assert.equal(loaders.get('amd64')?.['/lib64'], 'usr/lib64');
  assert.equal(
    loaders.get('amd64')?.['/usr/lib64/ld-linux-x86-64.so.2'],
    '../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
  );
  assert.equal(loaders.get('armhf')?.['/usr/lib/ld-linux-armhf.so.3'], 'arm-linux-gnueabihf/ld-linux-armhf.so.3');
  assert.equal(loaders.get('armel')?.['/usr/lib/ld-linux.so.3'], 'arm-linux-gnueabi/ld-linux.so.3');
  for (const [debian, links] of loaders) assert.equal('/lib64' in links, debian === 'amd64', debian);
});

test('a root names the packages of its Node and of its firmware, once and sorted', async () => {
  for (const board of await listBoards()) {
    const names = rootPackages(board);
    assert.deepEqual(names, [...new Set(names)].sort(), board.name);
    assert.equal(names.includes('libnode115'), board.node.source === 'debian', board.name);
    assert.equal(names.includes('wpasupplicant'), board.wifi, board.name);
    for (const item of board.driverFirmware) assert.ok(names.includes(item.package), `${board.name}: ${item.package}`);
  }
});

test('the plan shows each file of a driver with its package', async () => {
  const pi = (await listBoards()).find((board) => board.name === 'raspberrypi0');
  assert.ok(pi);
  const rows = planRoot(pi).map(({ path, source }) => `${path} ${source}`);
  assert.ok(rows.includes('/usr/lib/firmware/brcm/brcmfmac43430-sdio.bin firmware-brcm80211'), rows.join('\n'));
  assert.ok(rows.includes('/opt/node/bin/node nodejs'));
  assert.ok(rows.includes('/usr/sbin/wpa_supplicant wpasupplicant'));
});

test('a board with a radio has the drivers and the rules of the countries for it', async () => {
  const radios = (await listBoards()).filter(({ wifi }) => wifi);
  assert.ok(radios.length > 0);
  for (const { name, kernel, driverFirmware } of radios) {
    assert.ok(kernel.fragments.includes('feature/wifi.config'), name);
    const packages = driverFirmware.map((item) => item.package);
    assert.ok(packages.includes('wireless-regdb') && packages.includes('firmware-brcm80211'), name);
  }
});
