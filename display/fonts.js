import { createRequire } from 'node:module';
import { registerFont } from 'pureimage';

/** What text is drawn in where no other font is named: DejaVu, of the package dejavu-fonts-ttf. */
const OWN = { 'DejaVu-Sans': 'DejaVuSans.ttf', 'DejaVu-Sans-Bold': 'DejaVuSans-Bold.ttf' };
export const DEFAULT_FONT = 'DejaVu-Sans';

const loaded = new Set();
const require = createRequire(import.meta.url);

export function loadFont(name, file) {
  if (!/^[\w-]+$/.test(name)) throw new TypeError(`"${name}" is no name of letters, digits and dashes for a font`);
  registerFont(file, name).loadSync();
  loaded.add(name);
}

/** Fonts of our own are read when something is first drawn in them: that takes a while on a small board. */
export function needFont(name) {
  if (loaded.has(name)) return;
  if (!Object.hasOwn(OWN, name)) throw new TypeError(`there is no font "${name}": load it with loadFont`);
  loadFont(name, require.resolve(`dejavu-fonts-ttf/ttf/${OWN[name]}`));
}
