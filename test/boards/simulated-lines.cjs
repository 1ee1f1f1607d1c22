// Goes before the agent on a PC, which has no GPIO: a simulated chip with a Raspberry Pi's label and names
// (Documentation/admin-guide/gpio/gpio-sim.rst). What its line 17 is at is told on the console.
{
  const { execFileSync } = require('node:child_process');
  const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
  const CONFIG = '/sys/kernel/config/gpio-sim/pi';
  const LINE = 17;
  const LOOK_MS = 100;
  /** The serial console is slow: the first changes tell enough. */
  const TOLD = 40;
  execFileSync('/data/tools/mount', ['configfs', '/sys/kernel/config']);
  mkdirSync(`${CONFIG}/bank0/line${LINE}`, { recursive: true });
  writeFileSync(`${CONFIG}/bank0/num_lines`, '54');
  writeFileSync(`${CONFIG}/bank0/label`, 'pinctrl-bcm2835');
  writeFileSync(`${CONFIG}/bank0/line${LINE}/name`, `GPIO${LINE}`);
  writeFileSync(`${CONFIG}/live`, '1');
  const [device, chip] = [`${CONFIG}/dev_name`, `${CONFIG}/bank0/chip_name`].map((file) =>
    readFileSync(file, 'utf8').trim(),
  );
  const value = `/sys/devices/platform/${device}/${chip}/sim_gpio${LINE}/value`;
  let before = readFileSync(value, 'utf8');
  let told = 0;
  const timer = setInterval(() => {
    const now = readFileSync(value, 'utf8');
    if (now === before) return;
    before = now;
    console.log(`line ${LINE} is ${now.trim()}`);
    if (++told === TOLD) clearInterval(timer);
  }, LOOK_MS);
}
