// Stands in for the agent: makes simulated chips (Documentation/admin-guide/gpio/gpio-sim.rst) and uses them through
// @nodeos/gpio. Each result is a line on the console; what a line is at is told by gpio-sim's own files and by libgpiod.
'use strict';
const { execFileSync, spawn, spawnSync } = require('node:child_process');
const { mkdirSync, readFileSync, writeFileSync, writeSync } = require('node:fs');
const { once } = require('node:events');

const TOOLS = '/data/tools';
const CONFIG = '/sys/kernel/config/gpio-sim';
const env = { LD_LIBRARY_PATH: TOOLS };
setInterval(() => writeSync(3, 'heartbeat\n'), 5000);
writeSync(3, 'heartbeat\n');

const tell = (name, value) => {
  const print = (_, each) => (typeof each === 'bigint' ? `${each}n` : each);
  console.log(`GPIO ${name} ${JSON.stringify(value, print)}`);
};

/** A chip with a Raspberry Pi's label has its names too. */
function makeChip(name, label, lines, names) {
  const bank = `${CONFIG}/${name}/bank0`;
  mkdirSync(bank, { recursive: true });
  writeFileSync(`${bank}/num_lines`, String(lines));
  writeFileSync(`${bank}/label`, label);
  for (const [offset, line] of Object.entries(names)) {
    mkdirSync(`${bank}/line${offset}`);
    writeFileSync(`${bank}/line${offset}/name`, line);
  }
  writeFileSync(`${CONFIG}/${name}/live`, '1');
  const device = readFileSync(`${CONFIG}/${name}/dev_name`, 'utf8').trim();
  const chip = readFileSync(`${bank}/chip_name`, 'utf8').trim();
  const file = (offset, what) => `/sys/devices/platform/${device}/${chip}/sim_gpio${offset}/${what}`;
  return {
    chip,
    level: (offset) => Number(readFileSync(file(offset, 'value'), 'utf8')),
    pulled: (offset) => readFileSync(file(offset, 'pull'), 'utf8').trim(),
    pull: (offset, up) => writeFileSync(file(offset, 'pull'), up ? 'pull-up' : 'pull-down'),
    remove: () => writeFileSync(`${CONFIG}/${name}/live`, '0'),
  };
}

const libgpiod = (tool, ...args) => execFileSync(`${TOOLS}/${tool}`, args, { env, encoding: 'utf8' }).trim();
const lineOf = (chip, offset) =>
  libgpiod('gpioinfo', chip)
    .split('\n')
    .find((line) => new RegExp(`line\\s+${offset}:`).test(line))
    .replace(/\s+/g, ' ')
    .trim();
const refused = (work) => {
  try {
    work();
    return 'not refused';
  } catch (error) {
    return `${error.code}: ${error.message}`;
  }
};

async function edges(lines, count, cause) {
  const seen = [];
  const all = new Promise((resolve) => lines.on('edge', (edge) => seen.push(edge) === count && resolve()));
  const before = process.hrtime.bigint();
  await cause();
  await all;
  lines.removeAllListeners('edge');
  const inOrder = seen.every((edge, at) => edge.timestampNs > (at === 0 ? before : seen[at - 1].timestampNs));
  return { seen: seen.map(({ line, rising, sequence }) => [line, rising, sequence]), inOrder };
}

async function main() {
  execFileSync(`${TOOLS}/mount`, ['configfs', '/sys/kernel/config']);
  const pi = makeChip('pi', 'pinctrl-bcm2835', 54, { 2: 'SDA1', 17: 'GPIO17' });
  const other = makeChip('other', 'sensors', 8, { 3: 'button' });
  const { openLine, openLines, listChips, listLines } = require('@nodeos/gpio');

  tell(
    'chips',
    listChips().map(({ label, lineNames }) => [label, lineNames.length]),
  );

  const led = openLine('GPIO17', { direction: 'output', value: 1, consumer: 'led' });
  const told = [pi.level(17)];
  led.value = 0;
  told.push(pi.level(17));
  led.value = 1;
  tell('output', [...told, pi.level(17), led.value]);
  tell('gpioinfo', lineOf(pi.chip, 17));
  tell('libgpiod sees it taken', spawnSync(`${TOOLS}/gpioget`, [pi.chip, '17'], { env }).status !== 0);
  tell(
    'taken',
    refused(() => openLine('P1-11')),
  );
  led.configure({ drive: 'open-drain', activeLow: true });
  tell('configured', lineOf(pi.chip, 17));
  led.close();
  tell('given back', lineOf(pi.chip, 17));
  tell(
    'closed',
    refused(() => led.value),
  );

  const input = openLine('other:button'.replace('other', other.chip), { bias: 'pull-up' });
  tell('bias', [other.pulled(3), input.value, lineOf(other.chip, 3)]);
  input.configure({ bias: 'pull-down' });
  tell('bias changed', [other.pulled(3), input.value]);
  tell(
    'lines',
    listLines(other.chip).filter(({ used }) => used),
  );
  input.close();
  const gpioset = spawn(`${TOOLS}/gpioset`, ['--mode=wait', pi.chip, '5=1'], { env, stdio: ['pipe', 1, 2] });
  while (!listLines(pi.chip)[5].used) await new Promise(setImmediate);
  tell('of libgpiod', [listLines(pi.chip)[5].consumer, pi.level(5), refused(() => openLine('GPIO5'))]);
  gpioset.stdin.end('\n');
  await once(gpioset, 'exit');

  const many = openLines(['P1-3', 'P1-5', 'GPIO4', 27], { direction: 'output' });
  many.setAll([1, 0, 1, 1]);
  tell('many', [[2, 3, 4, 27].map(pi.level), many.getAll()]);
  many.set('GPIO4', 0);
  tell('many, one set', [2, 3, 4, 27].map(pi.level));
  many.close();

  const mixed = openLines({
    GPIO22: { edges: 'both' },
    GPIO23: { edges: 'rising' },
    GPIO24: { direction: 'output', value: 1 },
  });
  tell(
    'edges',
    await edges(mixed, 4, () => {
      for (const [offset, up] of [
        [22, true],
        [23, true],
        [23, false],
        [22, false],
        [22, true],
      ])
        pi.pull(offset, up);
    }),
  );
  tell('edges, beside them', [mixed.get('GPIO22'), mixed.get('GPIO23'), pi.level(24)]);
  mixed.close();

  const calm = openLine('GPIO6', { edges: 'both', debounceMs: 40 });
  tell(
    'debounced',
    await edges(calm, 1, () => {
      for (let at = 0; at < 7; at++) pi.pull(6, at % 2 === 0);
    }),
  );
  calm.close();

  tell(
    'unknown',
    refused(() => openLine('GPIO99')),
  );
  tell(
    'two chips',
    refused(() => openLines(['GPIO5', `${other.chip}:1`])),
  );

  await programs(pi);
  const lost = openLine(`${other.chip}:button`, { edges: 'both' });
  lost.on('edge', () => {});
  const gone = once(lost, 'error');
  other.remove();
  const [error] = await gone;
  tell('chip gone', error.code);
  lost.close();
  tell('end', true);
}

/** Programs written for other packages, started as the agent starts an app, where the kernel's older interface is hidden. */
async function programs(pi) {
  execFileSync(`${TOOLS}/mount`, ['tmpfs', '/sys/class/gpio']);
  const start = (file) =>
    spawn(process.execPath, ['--require', '/usr/lib/nodeos/gpio-preload.cjs', `${TOOLS}/${file}`], {
      stdio: ['pipe', 'pipe', 2],
    });
  for (const [name, file] of [
    ['onoff', 'onoff.mjs'],
    ['rpi-gpio', 'rpi-gpio.cjs'],
  ]) {
    const child = start(file);
    let rest = '';
    const levels = [];
    child.stdout.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const [word, ...values] = JSON.parse(line);
        if (word === 'look') levels.push(values.map(pi.level));
        else if (word === 'pull') pi.pull(values[0], values[1]);
        else tell(name, { ...values[0], levels, gone: null });
        child.stdin.write('\n');
      }
    });
    await once(child, 'exit');
    tell(`${name} has ended`, lineOf(pi.chip, 24));
  }
}

main().catch((error) => tell('failed', String(error.stack)));
