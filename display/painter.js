import { make } from 'pureimage';
import { parseColor } from './color.js';
import { DEFAULT_FONT, needFont } from './fonts.js';

/** One byte order in memory for all processors that Node.js runs on here: R, G, B, A. */
const OPAQUE_BLACK = 0xff000000;

/**
 * Pixels and what is drawn into them. Areas and pictures are copied here, whole rows at once; the library, which sets
 * one pixel after the other, draws what has curves: text, and what an app draws through `context`.
 */
export class Painter {
  #bitmap;
  #words;

  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.#bitmap = make(1, 1);
    // Made anew: the library sets each pixel by itself, which takes a second on a small board.
    const { buffer } = new Uint8Array(width * height * 4);
    Object.assign(this.#bitmap, { width, height, data: new Uint8Array(buffer) });
    this.#words = new Uint32Array(buffer).fill(OPAQUE_BLACK);
    this.context = this.#bitmap.getContext('2d');
  }

  /** R, G, B, A of each pixel, from the upper left. */
  get pixels() {
    const { data } = this.#bitmap;
    return Buffer.from(data.buffer, data.byteOffset, data.length);
  }

  fill(x, y, width, height, word) {
    const [left, right] = span(x, width, this.width);
    const [top, bottom] = span(y, height, this.height);
    if (right <= left) return;
    for (let row = top; row < bottom; row++) this.#words.fill(word, row * this.width + left, row * this.width + right);
  }

  text(text, { x, y, size, color = '#ffffff', font = DEFAULT_FONT, align = 'left' }) {
    const width = this.measure(text, { size, font });
    parseColor(color);
    const { context } = this;
    context.fillStyle = color;
    context.textAlign = 'left';
    context.textBaseline = 'alphabetic';
    const shift = { left: 0, center: width / 2, right: width }[align];
    if (shift === undefined) throw new TypeError(`"${align}" is none of left, center, right`);
    // Between pixels the same text would look different at each place.
    context.fillText(text, Math.round(x - shift), Math.round(y));
    return width;
  }

  measure(text, { size, font = DEFAULT_FONT }) {
    needFont(font);
    this.context.font = `${size}px ${font}`;
    return this.context.measureText(text).width;
  }

  /** Scaled to the nearest pixel; what is partly transparent is mixed with what is below. */
  image({ data, width, height }, x, y, toWidth, toHeight) {
    const [left, right] = span(x, toWidth, this.width);
    const [top, bottom] = span(y, toHeight, this.height);
    const own = this.#bitmap.data;
    const [originX, originY] = [Math.round(x), Math.round(y)];
    for (let row = top; row < bottom; row++) {
      const from = Math.floor(((row - originY) * height) / toHeight) * width;
      for (let column = left; column < right; column++) {
        const source = (from + Math.floor(((column - originX) * width) / toWidth)) * 4;
        const target = (row * this.width + column) * 4;
        const alpha = data[source + 3] / 255;
        for (let part = 0; part < 3; part++)
          own[target + part] = Math.round(data[source + part] * alpha + own[target + part] * (1 - alpha));
      }
    }
  }
}

/** Where a length begins and ends within what there is. */
function span(at, length, limit) {
  const from = Math.round(at);
  return [Math.min(Math.max(0, from), limit), Math.min(Math.max(0, from + Math.round(length)), limit)];
}
