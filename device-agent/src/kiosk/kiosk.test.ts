import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { inflateSync } from 'node:zlib';
import { screenshotAnswerSchema } from '@nodeos/contracts/screen.ts';
import { isOneColour, readGeometry } from './frame-buffer.ts';
import { createKiosk } from './kiosk.ts';

interface Machine {
  readonly width: number;
  readonly height: number;
  readonly bits: number;
  readonly stride: number;
}
const SMALL: Machine = { width: 6, height: 100, bits: 32, stride: 32 };

/** Files in the place of those of the kernel. */
function machine(t: TestContext, { width, height, bits, stride }: Machine = SMALL) {
  const folder = mkdtempSync(join(tmpdir(), 'nodeos-kiosk-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const paths = { frameBuffer: join(folder, 'fb0'), graphics: folder, vtConsoles: join(folder, 'vtconsole') };
  writeFileSync(paths.frameBuffer, Buffer.alloc(stride * height, 0x20));
  writeFileSync(join(folder, 'virtual_size'), `${width},${height}\n`);
  writeFileSync(join(folder, 'bits_per_pixel'), `${bits}\n`);
  writeFileSync(join(folder, 'stride'), `${stride}\n`);
  for (const [name, text, bound] of [
    ['vtcon0', '(S) dummy device', '0'],
    ['vtcon1', '(M) frame buffer device', '1'],
  ] as const) {
    mkdirSync(join(paths.vtConsoles, name), { recursive: true });
    writeFileSync(join(paths.vtConsoles, name, 'name'), `${text}\n`);
    writeFileSync(join(paths.vtConsoles, name, 'bind'), `${bound}\n`);
  }
  const bound = () =>
    ['vtcon0', 'vtcon1'].map((name) => readFileSync(join(paths.vtConsoles, name, 'bind'), 'utf8').trim());
  const events: string[] = [];
  const changes: (() => void)[] = [];
  const kiosk = (settings: { lookEveryMs?: number; blankAfterMs?: number } = {}) =>
    createKiosk({
      ...{ paths, log: (text) => events.push(text), onEvent: (text) => events.push(text), ...settings },
      onChange: () => {
        for (const change of changes) change();
      },
    });
  return { paths, bound, events, changes, kiosk };
}

test('the screen goes to the app without text on it, and back to the text console', async (t) => {
  const { paths, bound, kiosk } = machine(t);
  const screen = kiosk();
  assert.equal(screen.status(), undefined);
  await screen.give('sign');
  t.after(() => screen.give(null));
  assert.deepEqual([bound(), screen.status()], [['0', '0'], { kiosk: 'sign', blankSince: null }]);
  const splash = readFileSync(paths.frameBuffer);
  assert.deepEqual([splash.subarray(0, 8).toString('hex'), splash.length], ['2c2010ff2c2010ff', 3200]);
  assert.equal(splash.subarray(99 * 32, 99 * 32 + 24).toString('hex'), '2c2010ff'.repeat(6));
  await screen.give(null);
  assert.deepEqual([bound(), screen.status()], [['0', '1'], undefined]);
});

test('an agent that starts anew leaves the picture that an app has drawn', async (t) => {
  const { paths, kiosk } = machine(t);
  await kiosk().give('sign');
  writeFileSync(paths.frameBuffer, Buffer.alloc(3200, 0x41));
  const again = kiosk();
  await again.give('sign');
  t.after(() => again.give(null));
  assert.ok(readFileSync(paths.frameBuffer).every((octet) => octet === 0x41));
});

test('a screen of one colour is told of after a while, and that it shows something again', async (t) => {
  const { paths, events, changes, kiosk } = machine(t);
  const screen = kiosk({ lookEveryMs: 5, blankAfterMs: 60 });
  const next = () => new Promise<void>((resolve) => changes.push(resolve));
  await screen.give('sign');
  t.after(() => screen.give(null));
  const began = Date.now();
  await next();
  const { blankSince } = screen.status() ?? {};
  assert.ok(blankSince != null && Math.abs(blankSince - began) <= Date.now() - began);
  const picture = readFileSync(paths.frameBuffer);
  // One pixel, in none of the rows that are looked at first.
  picture[32 * 55 + 8] = 0xff;
  const seen = next();
  writeFileSync(paths.frameBuffer, picture);
  await seen;
  assert.equal(screen.status()?.blankSince, null);
  assert.deepEqual(events, ['the screen of sign is blank', 'the screen of sign shows something again']);
});

test('one colour is that of every pixel, and what lies behind the end of a row is none', async (t) => {
  const { paths } = machine(t);
  const geometry = await readGeometry(paths);
  assert.ok(geometry);
  const blank = readFileSync(paths.frameBuffer);
  const withChange = (at: number) => {
    const picture = Buffer.from(blank);
    picture[at] = 0xee;
    writeFileSync(paths.frameBuffer, picture);
    return isOneColour(paths, geometry);
  };
  assert.equal(await isOneColour(paths, geometry), true);
  for (const at of [5, 55 * 32 + 1, 99 * 32 + 21]) assert.equal(await withChange(at), false, String(at));
  for (const at of [24, 98 * 32 + 31]) assert.equal(await withChange(at), true, String(at));
});

test('a screenshot is the frame as it is, with what it takes to read it', async (t) => {
  const { paths, kiosk } = machine(t, { width: 5, height: 3, bits: 16, stride: 16 });
  const octets = Buffer.from(Array.from({ length: 48 }, (_, index) => index));
  writeFileSync(paths.frameBuffer, octets);
  const answer = screenshotAnswerSchema.parse(await kiosk().screenshot());
  assert.ok(answer.state === 'taken');
  assert.deepEqual(answer.geometry, { width: 5, height: 3, bitsPerPixel: 16, strideBytes: 16 });
  assert.deepEqual(inflateSync(Buffer.from(answer.frame, 'base64')), octets.subarray(0, 42));
});

test('without a screen nothing fails', async (t) => {
  const { paths, events, kiosk } = machine(t);
  rmSync(join(paths.graphics, 'stride'));
  rmSync(paths.vtConsoles, { recursive: true });
  assert.equal(await readGeometry(paths), null);
  const screen = kiosk({ lookEveryMs: 2, blankAfterMs: 0 });
  await screen.give('sign');
  t.after(() => screen.give(null));
  const answer = screenshotAnswerSchema.parse(await screen.screenshot());
  assert.match(answer.state === 'none' ? answer.reason : '', /no screen/);
  assert.deepEqual(events, []);
});
