import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Display, loadFont, loadPng, openDisplay } from '@nodeos/display';
import { decodePNGFromStream } from 'pureimage';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'nodeos-display-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A file in the place of the frame buffer, with the kernel's words beside it. */
function screen(t: TestContext, bits: number, width: number, height: number, stride: number) {
  const folder = temporaryFolder(t);
  const device = join(folder, 'fb0');
  writeFileSync(device, Buffer.alloc(stride * height, 0x77));
  writeFileSync(join(folder, 'virtual_size'), `${width},${height}\n`);
  writeFileSync(join(folder, 'bits_per_pixel'), `${bits}\n`);
  writeFileSync(join(folder, 'stride'), `${stride}\n`);
  return { device, graphics: folder, read: () => readFileSync(device) };
}

/** Colours of the rows as another reader of PNG sees them. */
async function decode(display: Display) {
  const stream = new PassThrough();
  stream.end(display.png());
  const { data, width } = await decodePNGFromStream(stream);
  return (x: number, y: number) => Buffer.from(data.subarray((y * width + x) * 4, (y * width + x) * 4 + 3));
}

test('a screen of 32 bits: blue, green, red, and nothing behind the end of a row', (t) => {
  const { read, ...where } = screen(t, 32, 3, 2, 16);
  const display = openDisplay(where);
  assert.deepEqual([display.onScreen, display.width, display.height], [true, 3, 2]);
  display.fill('#010203');
  display.rectangle(1, 1, 5, 5, '#fa0');
  assert.equal(display.show(), 2);
  display.close();
  const [dark, light] = ['030201ff', '00aaffff'];
  const behind = read().subarray(28).toString('hex');
  assert.equal(read().subarray(0, 12).toString('hex'), dark.repeat(3));
  assert.equal(read().subarray(16, 28).toString('hex'), dark + light.repeat(2));
  assert.equal(behind, '77777777');
});

test('a screen of 16 bits: five, six and five, the low byte first', (t) => {
  const { read, ...where } = screen(t, 16, 4, 1, 8);
  const display = openDisplay(where);
  for (const [x, color] of ['#ff0000', '#00ff00', '#0000ff', '#8a8a8a'].entries()) display.rectangle(x, 0, 1, 1, color);
  display.show();
  const words = [0, 1, 2, 3].map((at) => read().readUInt16LE(at * 2));
  assert.deepEqual(words, [0xf800, 0x07e0, 0x001f, (0x11 << 11) | (0x22 << 5) | 0x11]);
});

test('only rows that have changed are written', (t) => {
  const { read, ...where } = screen(t, 32, 4, 5, 16);
  const display = openDisplay(where);
  assert.equal(display.show(), 5);
  assert.equal(display.show(), 0);
  // What somebody else wrote stays where nothing of ours has changed.
  writeFileSync(where.device, Buffer.alloc(80, 0x55));
  display.rectangle(0, 1, 4, 2, '#ffffff');
  display.rectangle(0, 4, 1, 1, '#ffffff');
  assert.equal(display.show(), 3);
  assert.equal(display.show(), 0);
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((row) => read()[row * 16]),
    [0x55, 0xff, 0xff, 0x55, 0xff],
  );
});

test('a screen that is neither is refused with a code', (t) => {
  const { read: _, ...where } = screen(t, 8, 4, 4, 4);
  assert.throws(() => openDisplay(where), { code: 'NODEOS_DISPLAY_FORMAT', message: /8 bits a pixel/ });
});

test('elsewhere it draws into memory, and a PNG shows what', async () => {
  const display = openDisplay({ width: 40, height: 30 });
  assert.deepEqual([display.onScreen, display.show()], [false, 0]);
  display.fill('#123456');
  display.image({ width: 2, height: 1, data: Uint8Array.of(255, 0, 0, 255, 0, 255, 0, 51) }, 10, 10, {
    width: 8,
    height: 2,
  });
  const at = await decode(display);
  assert.deepEqual([...at(0, 0)], [0x12, 0x34, 0x56]);
  assert.deepEqual([...at(13, 11)], [255, 0, 0]);
  assert.deepEqual(
    [...at(14, 10)],
    [0x12, 0x34, 0x56].map((part, index) => Math.round((index === 1 ? 255 : 0) * 0.2 + part * 0.8)),
  );
  assert.deepEqual([...at(18, 10)], [0x12, 0x34, 0x56]);
});

test('pngcheck finds nothing wrong with the PNG, and it can be drawn again', async (t) => {
  if (spawnSync('pngcheck', ['-h']).error) return t.skip('pngcheck is not installed');
  const file = join(temporaryFolder(t), 'picture.png');
  const display = openDisplay({ width: 33, height: 17 });
  display.rectangle(3, 3, 7, 7, '#abcdef');
  writeFileSync(file, display.png());
  assert.match(execFileSync('pngcheck', [file], { encoding: 'utf8' }), /^OK: .*\(33x17, 24-bit RGB/);
  const copy = openDisplay({ width: 33, height: 17 });
  copy.image(await loadPng(file), 0, 0);
  assert.ok(copy.png().equals(display.png()));
  writeFileSync(file, display.png().fill(0, 40, 60));
  assert.notEqual(spawnSync('pngcheck', [file]).status, 0, 'the judge judges');
  await assert.rejects(loadPng(join(file, 'none')));
});

test('text stands where it is wanted, in the colour, from several fonts', async () => {
  const display = openDisplay({ width: 400, height: 120 });
  const width = display.text('Hall', { x: 200, y: 80, size: 60, color: '#ff0000', align: 'center' });
  assert.equal(width, display.measure('Hall', { size: 60 }));
  const at = await decode(display);
  const columns = Array.from({ length: 400 }, (_, x) => x).filter((x) =>
    Array.from({ length: 120 }, (_, y) => at(x, y)[0] ?? 0).some((red) => red > 128),
  );
  const [first, last] = [columns[0] as number, columns.at(-1) as number];
  assert.ok(Math.abs((first + last) / 2 - 200) < 8, `${first} to ${last}`);
  assert.ok(last - first > width * 0.8 && last - first < width);
  assert.ok(display.measure('Hall', { size: 60, font: 'DejaVu-Sans-Bold' }) > width);
  assert.throws(() => display.text('x', { x: 0, y: 9, size: 9, font: 'Nowhere' }), /there is no font "Nowhere"/);
  loadFont('Own', fileURLToPath(import.meta.resolve('dejavu-fonts-ttf/ttf/DejaVuSansMono.ttf')));
  assert.equal(display.measure('il', { size: 20, font: 'Own' }), display.measure('mW', { size: 20, font: 'Own' }));
  assert.throws(() => loadFont('two words', 'x.ttf'), TypeError);
});

test('zbarimg reads the QR code', async (t) => {
  if (spawnSync('zbarimg', ['--version']).error) return t.skip('zbarimg is not installed');
  const display = openDisplay({ width: 300, height: 300 });
  display.qrCode('https://example.org/hall', { x: 40, y: 40, size: 220 });
  const file = join(temporaryFolder(t), 'code.png');
  writeFileSync(file, display.png());
  assert.equal(execFileSync('zbarimg', ['-q', '--raw', file], { encoding: 'utf8' }), 'https://example.org/hall\n');
  assert.throws(() => display.qrCode('much '.repeat(50), { x: 0, y: 0, size: 30 }), RangeError);
});

test('words that are no colours are refused before anything is drawn', () => {
  const display = openDisplay({ width: 4, height: 4 });
  for (const color of ['red', '#12', '#1234567', ''])
    assert.throws(() => display.fill(color), /is no colour like/, color);
});

test('what the types promise is there, and nothing more', async () => {
  const types = readFileSync(new URL('./index.d.ts', import.meta.url), 'utf8');
  const promised = [...types.matchAll(/^export function (\w+)/gm)].map(([, name]) => name as string);
  assert.deepEqual(Object.keys(await import('@nodeos/display')).sort(), promised.sort());
});
