// Stands in for the agent on an emulated Raspberry Pi: its own chip, judged by the kernel's older interface.
'use strict';
const { readFileSync, writeFileSync, writeSync } = require('node:fs');
const { openLine, openLines, listChips } = require('@nodeos/gpio');

setInterval(() => writeSync(3, 'heartbeat\n'), 5000);
writeSync(3, 'heartbeat\n');

const tell = (name, value) => console.log(`gpio test: ${name}: ${JSON.stringify(value)}`);
const sysfs = (line) => ({
  export: () => writeFileSync('/sys/class/gpio/export', String(line)),
  unexport: () => writeFileSync('/sys/class/gpio/unexport', String(line)),
  read: (file) => readFileSync(`/sys/class/gpio/gpio${line}/${file}`, 'utf8').trim(),
  write: (file, text) => writeFileSync(`/sys/class/gpio/gpio${line}/${file}`, text),
});

function main() {
  tell('node', process.versions.node.split('.')[0]);
  tell('chips', listChips().find(({ label }) => label === 'pinctrl-bcm2835')?.lineNames.length);

  const lines = openLines(['GPIO17', 'P1-16'], { direction: 'output' });
  lines.setAll([1, 0]);
  const first = lines.getAll();
  lines.setAll([0, 1]);
  tell('set', [first, lines.getAll()]);
  lines.close();
  const judged = [17, 23].map((line) => {
    const file = sysfs(line);
    file.export();
    return [file.read('direction'), file.read('value')];
  });
  tell('as the older interface sees them', judged);

  try {
    openLine('GPIO17');
  } catch (error) {
    tell('taken', error.code);
  }
  sysfs(23).unexport();
  sysfs(17).write('direction', 'high');
  sysfs(17).unexport();
  const line = openLine(17, { direction: 'as-is' });
  tell('as the older interface left it', line.value);
  line.close();
  tell('end', true);
}

try {
  main();
} catch (error) {
  tell('failed', String(error.stack));
}
