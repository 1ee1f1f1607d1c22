// As its users write it; see onoff.mjs.
'use strict';
const { once } = require('node:events');
const gpio = require('rpi-gpio');

const ask = async (...words) => {
  const answer = once(process.stdin, 'data');
  console.log(JSON.stringify(words));
  await answer;
};
async function main() {
  const { promise } = gpio;
  await promise.setup(16, gpio.DIR_OUT);
  await promise.write(16, true);
  await ask('look', 23);
  await promise.write(16, false);
  await ask('look', 23);
  await promise.setup(18, gpio.DIR_IN, gpio.EDGE_BOTH);
  const changed = once(gpio, 'change');
  await ask('pull', 24, true);
  const change = await changed;
  const read = await promise.read(18);
  gpio.setMode(gpio.MODE_BCM);
  await promise.setup(5, gpio.DIR_HIGH);
  await ask('look', 5);
  const wrong = await promise.setup(99, gpio.DIR_IN).catch((error) => error.message);
  await promise.destroy();
  await ask('done', { change, read, wrong });
  process.stdin.destroy();
}
main();
