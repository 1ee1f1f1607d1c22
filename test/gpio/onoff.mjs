// As its users write it. Asks its parent to look at a line, or to pull one, by a line of JSON, and waits for the answer.
import { EventEmitter, once } from 'node:events';
import { Gpio } from 'onoff';

const ask = async (...words) => {
  const answer = once(process.stdin, 'data');
  console.log(JSON.stringify(words));
  await answer;
};
const led = new Gpio(24, 'out');
const button = new Gpio(25, 'in', 'both', { debounceTimeout: 10 });
const seen = { accessible: Gpio.accessible, direction: led.direction(), edge: button.edge() };
led.writeSync(1);
await ask('look', 24);
await led.write(Gpio.LOW);
await ask('look', 24);
const presses = [];
const seenPress = new EventEmitter();
button.watch((error, value) => {
  presses.push(error ?? value);
  seenPress.emit('press');
});
for (const up of [true, false]) {
  const pressed = once(seenPress, 'press');
  await ask('pull', 25, up);
  await pressed;
}
button.setActiveLow(true);
seen.activeLow = button.readSync();
const same = new Gpio(24, 'high');
await ask('look', 24);
same.unexport();
led.unexport();
button.unexport();
await ask('done', { ...seen, presses });
process.stdin.destroy();
