import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';

const DEVICE = '/dev/fb0';
/** What the kernel says of it: Linux kernel, drivers/video/fbdev/core/fbsysfs.c. */
const GRAPHICS = '/sys/class/graphics/fb0';

/**
 * The kernel's frame buffer; null where this process has none, as on a laptop, where only root has it.
 * @throws Error with code NODEOS_DISPLAY_FORMAT
 */
export function openFrameBuffer({ device = DEVICE, graphics = GRAPHICS }) {
  // An app of a laptop's own desktop must not draw over that, even if root runs it.
  const wanted = device !== DEVICE || process.env.NODEOS_APP !== undefined;
  if (!wanted || !existsSync(device) || !existsSync(graphics)) return null;
  const geometry = readGeometry(graphics);
  return new FrameBuffer(openSync(device, 'r+'), geometry);
}

function readGeometry(graphics) {
  const read = (name) => readFileSync(`${graphics}/${name}`, 'utf8').trim();
  const [width, height] = read('virtual_size').split(',').map(Number);
  const bits = Number(read('bits_per_pixel'));
  if (bits !== 32 && bits !== 16) {
    const error = new Error(`a screen of ${bits} bits a pixel is not supported: only 16 and 32 are`);
    throw Object.assign(error, { code: 'NODEOS_DISPLAY_FORMAT' });
  }
  return { width, height, bits, stride: Number(read('stride')) };
}

class FrameBuffer {
  #fd;
  /** R, G, B, A of what the screen shows; null before anything was written. */
  #shown = null;

  constructor(fd, geometry) {
    this.#fd = fd;
    this.geometry = geometry;
  }

  /** Writes the rows that have changed; gives their number. */
  write(pixels) {
    const { width, height, bits, stride } = this.geometry;
    const [rowBytes, pack] = bits === 32 ? [width * 4, packXrgb] : [width * 2, pack565];
    const run = Buffer.alloc(stride * height);
    let changed = 0;
    for (let row = 0; row < height; ) {
      const first = row;
      while (row < height && !this.#isShown(pixels, row)) {
        pack(pixels, row * width, width, run, (row - first) * stride);
        row++;
      }
      changed += row - first;
      // The last row may be shorter than the distance to the next.
      if (row > first) writeAll(this.#fd, run, (row - first - 1) * stride + rowBytes, first * stride);
      else row++;
    }
    if (this.#shown === null) this.#shown = Buffer.from(pixels);
    else if (changed > 0) pixels.copy(this.#shown);
    return changed;
  }

  #isShown(pixels, row) {
    if (this.#shown === null) return false;
    const bytes = this.geometry.width * 4;
    return pixels.compare(this.#shown, row * bytes, (row + 1) * bytes, row * bytes, (row + 1) * bytes) === 0;
  }

  close() {
    closeSync(this.#fd);
  }
}

function writeAll(fd, octets, length, position) {
  for (let done = 0; done < length; ) done += writeSync(fd, octets, done, length - done, position + done);
}

/** Blue, green, red, unused: DRM_FORMAT_XRGB8888, and what EFI and VESA set up. */
function packXrgb(pixels, first, count, out, at) {
  for (let from = first * 4, end = from + count * 4; from < end; from += 4, at += 4) {
    out[at] = pixels[from + 2];
    out[at + 1] = pixels[from + 1];
    out[at + 2] = pixels[from];
    out[at + 3] = 0xff;
  }
}

/** Five bits of red, six of green, five of blue: DRM_FORMAT_RGB565, little-endian. */
function pack565(pixels, first, count, out, at) {
  for (let from = first * 4, end = from + count * 4; from < end; from += 4, at += 2) {
    const [red, green, blue] = [pixels[from] >> 3, pixels[from + 1] >> 2, pixels[from + 2] >> 3];
    out[at] = ((green & 7) << 5) | blue;
    out[at + 1] = (red << 3) | (green >> 3);
  }
}
