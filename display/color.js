/** `#rgb` or `#rrggbb` as the four bytes R, G, B, A of a pixel, read as a little-endian number. */
export function parseColor(color) {
  const [, short, long] = /^#(?:([0-9a-f]{3})|([0-9a-f]{6}))$/i.exec(color) ?? [];
  const digits = long ?? short?.replace(/./g, '$&$&');
  if (digits === undefined) throw new TypeError(`"${color}" is no colour like #1a2b3c`);
  const [red, green, blue] = [0, 2, 4].map((at) => Number.parseInt(digits.slice(at, at + 2), 16));
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
}
