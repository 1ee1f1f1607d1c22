import { readFile } from 'node:fs/promises';
import { freemem, loadavg } from 'node:os';

const THERMOMETER = '/sys/class/thermal/thermal_zone0/temp';

/** What is measured. Put your sensor here: for I2C the package `i2c-bus`, and `"devices": ["i2c"]` in package.json. */
export async function readSensor() {
  const temperature = await readFile(THERMOMETER, 'utf8').then(
    (text) => Number(text) / 1000,
    () => null,
  );
  return { temperature, load: loadavg()[0], freeMiB: Math.round(freemem() / 1_048_576) };
}
