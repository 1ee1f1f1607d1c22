import { Gpio } from 'onoff';

/** Number of the line on the processor: GPIO17 is pin 11 of a Raspberry Pi's header. */
const line = Number(process.env.LED_GPIO ?? 17);
const periodMs = Number(process.env.PERIOD_MS ?? 500);

const light = Gpio.accessible ? new Gpio(line, 'out') : null;
console.log(light ? `GPIO${line} blinks every ${periodMs} ms` : 'this machine has no GPIO: the light is drawn here');

let on = false;
const timer = setInterval(() => {
  on = !on;
  if (light) light.writeSync(on ? 1 : 0);
  else console.log(on ? '●' : '○');
}, periodMs);

process.on('SIGTERM', () => {
  clearInterval(timer);
  light?.writeSync(0);
  light?.unexport();
});
