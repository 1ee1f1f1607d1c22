import { readFileSync, writeFileSync } from 'node:fs';
import { configuration, health, log, onConfiguration } from '@nodeos/app';
import { openDisplay } from '@nodeos/display';
import { drawSign, secondsShown } from './sign.js';

/** What is set for this app on the device goes before it. */
const defaults = JSON.parse(readFileSync(new URL('settings.json', import.meta.url), 'utf8'));

const display = openDisplay();
let sign = { ...defaults, ...(await configuration()) };
let timer = null;

function show() {
  clearTimeout(timer);
  try {
    drawSign(display, sign, new Date());
    display.show();
    health.ok();
  } catch (error) {
    // A word that does not fit must not take the sign down: the last picture stays.
    log.error(error.message);
    health.failing(error.message);
  }
  // Only a clock changes by itself.
  if (sign.clock) timer = setTimeout(show, 1000 - (Date.now() % 1000));
}

onConfiguration((set) => {
  sign = { ...defaults, ...set };
  show();
});
show();
if (display.onScreen) {
  log.info(`shows "${sign.title}" on ${display.width} × ${display.height}`);
  // Without a clock nothing else would keep it running.
  setInterval(() => {}, 3_600_000);
} else {
  clearTimeout(timer);
  writeFileSync('screen.png', display.png());
  console.log(`this computer has no screen for it: see screen.png, with the clock at ${secondsShown(new Date())}`);
}

process.on('SIGTERM', () => process.exit(0));
