import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openDisplay } from '@nodeos/display';

/** Width, height and pixels as netpbm reads them. */
function pixelsOf(file: string): { width: number; height: number; pixels: Buffer } {
  const octets = execFileSync('pngtopnm', [file], { maxBuffer: 64 * 1_048_576, stdio: ['ignore', 'pipe', 'ignore'] });
  const [, width, height] = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(octets.subarray(0, 40).toString('latin1')) ?? [];
  return { width: Number(width), height: Number(height), pixels: octets.subarray(-Number(width) * Number(height) * 3) };
}

/**
 * How many values of a picture are not those of the sign that an app's folder draws here.
 * @param step differences below it do not count
 */
export async function differencesFromSign(app: string, picture: string, step: number): Promise<number> {
  const { width, height, pixels } = pixelsOf(picture);
  if (!(width >= 640 && height >= 400)) throw new Error(`a screen of ${width} × ${height}`);
  const { drawSign } = await import(pathToFileURL(join(app, 'sign.js')).href);
  const display = openDisplay({ memory: true, width, height });
  drawSign(display, JSON.parse(readFileSync(join(app, 'settings.json'), 'utf8')), new Date());
  const drawn = `${picture}.drawn.png`;
  writeFileSync(drawn, display.png());
  const expected = pixelsOf(drawn).pixels;
  return expected.reduce((count, value, at) => count + Number(Math.abs(value - (pixels[at] ?? 0)) > step), 0);
}
