import { encode } from 'uqr';
import { parseColor } from './color.js';
import { loadFont } from './fonts.js';
import { openFrameBuffer } from './frame-buffer.js';
import { loadPng } from './image.js';
import { Painter } from './painter.js';
import { encodePng } from './png.js';

export { loadFont, loadPng };

/** Four light modules around a code are part of it (ISO/IEC 18004, 6.3.8). */
const QUIET_MODULES = 4;
const LAPTOP = { width: 1280, height: 720 };

export function openDisplay(options = {}) {
  const frameBuffer = options.memory ? null : openFrameBuffer(options);
  const { width = LAPTOP.width, height = LAPTOP.height } = frameBuffer?.geometry ?? options;
  return new Display(frameBuffer, width, height);
}

class Display {
  #frameBuffer;
  #painter;

  constructor(frameBuffer, width, height) {
    this.#frameBuffer = frameBuffer;
    this.#painter = new Painter(width, height);
  }

  get width() {
    return this.#painter.width;
  }
  get height() {
    return this.#painter.height;
  }
  get onScreen() {
    return this.#frameBuffer !== null;
  }
  get context() {
    return this.#painter.context;
  }

  fill(color) {
    this.rectangle(0, 0, this.width, this.height, color);
  }

  rectangle(x, y, width, height, color) {
    this.#painter.fill(x, y, width, height, parseColor(color));
  }

  text(text, options) {
    return this.#painter.text(String(text), options);
  }

  measure(text, options) {
    return this.#painter.measure(String(text), options);
  }

  image(image, x, y, size = {}) {
    this.#painter.image(image, x, y, size.width ?? image.width, size.height ?? image.height);
  }

  qrCode(text, { x, y, size, dark = '#000000', light = '#ffffff' }) {
    const { data, size: modules } = encode(text, { ecc: 'M', border: QUIET_MODULES });
    const module = Math.floor(size / modules);
    if (module < 1) throw new RangeError(`a QR code of this text needs ${modules} pixels, and has ${size}`);
    this.rectangle(x, y, size, size, light);
    const margin = Math.floor((size - modules * module) / 2);
    for (const [row, cells] of data.entries())
      for (const [column, isDark] of cells.entries())
        if (isDark) this.rectangle(x + margin + column * module, y + margin + row * module, module, module, dark);
    return module;
  }

  show() {
    return this.#frameBuffer?.write(this.#painter.pixels) ?? 0;
  }

  png() {
    return encodePng(this.#painter.pixels, this.width, this.height);
  }

  close() {
    this.#frameBuffer?.close();
    this.#frameBuffer = null;
  }
}
