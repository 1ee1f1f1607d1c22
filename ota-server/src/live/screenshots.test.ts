import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { deflateSync } from 'node:zlib';
import type { ScreenGeometry } from '@nodeos/contracts/screen.ts';
import { connectAsync } from 'mqtt';
import { runServer } from '../testing/running-server.ts';
import { temporaryFolder } from '../testing/temporary-folder.ts';
import { until } from '../testing/until.ts';
import { screenPng } from './screen-png.ts';
import { Screenshots } from './screenshots.ts';

const missing = ['pngcheck', 'pngtopnm'].find((tool) => spawnSync(tool, ['-version']).error !== undefined);
const RED_AND_BLUE: ScreenGeometry = { width: 2, height: 2, bitsPerPixel: 32, strideBytes: 12 };
/** Red, blue, four bytes that nobody sees; blue, red. */
const FRAME = Buffer.from('0000ff00ff000000deadbeefff0000000000ff00', 'hex');
const PIXELS = 'ff0000 0000ff 0000ff ff0000';

test('pngcheck and netpbm read what a screen of 32 and one of 16 bits shows', {
  skip: missing && `${missing} is not installed`,
}, async (t) => {
  const folder = await temporaryFolder(t);
  const see = async (geometry: ScreenGeometry, frame: Buffer) => {
    const file = join(folder, 'screen.png');
    await writeFile(file, await screenPng(geometry, deflateSync(frame)));
    assert.match(execFileSync('pngcheck', [file], { encoding: 'utf8' }), /^OK: /);
    const pixels = execFileSync('pngtopnm', [file]).subarray(-geometry.width * geometry.height * 3);
    return pixels.toString('hex').replace(/.{6}(?!$)/g, '$& ');
  };
  assert.equal(await see(RED_AND_BLUE, FRAME), PIXELS);
  const words = [0xf800, 0x07e0, 0x001f, 0x8410];
  const packed = Buffer.concat(words.map((word) => Buffer.from([word & 0xff, word >> 8])));
  const narrow: ScreenGeometry = { width: 4, height: 1, bitsPerPixel: 16, strideBytes: 8 };
  assert.equal(await see(narrow, packed), 'ff0000 00ff00 0000ff 848284');
});

const HUGE = { ...RED_AND_BLUE, width: 16_384, height: 16_384, strideBytes: 65_536 };
for (const [name, geometry, frame, message] of [
  // By the decompressor: the rest of it must not come to lie in memory.
  ['longer than its geometry says', RED_AND_BLUE, Buffer.alloc(2_000_000), /larger than 20 bytes/],
  ['shorter than its geometry says', RED_AND_BLUE, Buffer.alloc(19), /19 bytes instead of 20/],
  ['with rows that overlap', { ...RED_AND_BLUE, strideBytes: 4 }, Buffer.alloc(12), /geometry is none of a screen/],
  ['larger than any screen', HUGE, Buffer.alloc(0), /geometry is none of a screen/],
] as const)
  test(`a frame ${name} is refused`, async () => {
    await assert.rejects(screenPng(geometry, deflateSync(frame)), { code: 'INPUT_INVALID', message });
  });

test('a device that says nothing is not waited for for ever', async () => {
  const screenshots = new Screenshots({ tell: async () => true }, 10);
  await assert.rejects(screenshots.take('d'), { code: 'DEVICE_OFFLINE', message: /no picture within 10 ms/ });
});

test('the operator gets what the device sends, from nobody else, and only when it was asked for', async (t) => {
  const running = await runServer(t);
  const [device, other] = [await running.enrolledDevice(), await running.enrolledDevice([], 'S-2')];
  const path = `/api/v1/devices/${device.id}/screenshot`;
  assert.equal((await running.operator('GET', path)).json.error.code, 'DEVICE_OFFLINE');
  assert.equal((await running.operator('GET', '/api/v1/devices/none/screenshot')).status, 404);
  const client = await connectAsync(running.server.addresses.mqtt.url, {
    ...{ protocolVersion: 4, clientId: device.id, ca: running.ca, cert: device.certificate, key: device.keyPem },
  });
  t.after(() => client.endAsync(true));
  const told: { kind: string; request: string }[] = [];
  client.on('message', (_topic, payload) => told.push(JSON.parse(payload.toString())));
  await client.subscribeAsync(`nodeos/${device.id}/tell`, { qos: 1 });
  const ask = async () => {
    const before = told.length;
    const picture = fetch(`${running.server.addresses.operator.url}${path}`, {
      headers: { authorization: `Bearer ${running.server.operatorToken}` },
    });
    await until('the device to be told', () => told.length > before);
    return { picture, route: `/device/v1/screenshots/${told.at(-1)?.request}` };
  };
  const answer = { state: 'taken', geometry: RED_AND_BLUE, frame: deflateSync(FRAME).toString('base64') };

  const { picture, route } = await ask();
  assert.equal((await running.device(other, 'POST', route, answer)).status, 404);
  assert.equal((await running.device(device, 'POST', '/device/v1/screenshots/0', answer)).status, 404);
  assert.equal((await running.device(device, 'POST', route, { ...answer, frame: '?' })).status, 400);
  assert.equal((await running.device(device, 'POST', route, answer)).status, 204);
  const got = await picture;
  assert.deepEqual([got.status, got.headers.get('content-type')], [200, 'image/png']);
  assert.deepEqual(Buffer.from(await got.arrayBuffer()), await screenPng(RED_AND_BLUE, deflateSync(FRAME)));
  assert.equal((await running.device(device, 'POST', route, answer)).status, 404, 'once');

  const none = await ask();
  await running.device(device, 'POST', none.route, { state: 'none', reason: 'it has no screen' });
  const refused = await none.picture;
  assert.equal(refused.status, 409);
  assert.equal(((await refused.json()) as { error: { code: string } }).error.code, 'SCREEN_UNAVAILABLE');
});
