import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createScreen } from './console-screen.ts';
import { createIdentify } from './identify.ts';
import { openLed } from './led.ts';

/** A folder in the place of /proc and /sys/class/leds, and time that passes when the test says so. */
function board(t: TestContext, cmdline = 'console=tty0 nodeos.led=ACT nodeos.slot=a\n') {
  const folder = mkdtempSync(join(tmpdir(), 'nodeos-led-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'ACT'));
  const file = (name: string) => join(folder, 'ACT', name);
  writeFileSync(file('trigger'), 'none [heartbeat] default-on\n');
  writeFileSync(file('brightness'), '7\n');
  writeFileSync(join(folder, 'cmdline'), cmdline);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  const pass = (milliseconds: number): void => {
    now += milliseconds;
    t.mock.timers.tick(milliseconds);
  };
  const read = (name: string): string => readFileSync(file(name), 'utf8').trim();
  return {
    ...{ folder, file, pass, read, now: () => now },
    open: () => openLed(folder, folder),
    /** What it shows each 20 ms: `#` where it is on. */
    look(milliseconds: number): string {
      let seen = '';
      for (let at = 0; at < milliseconds; at += 20) {
        seen += read('brightness') === '255' ? '#' : '.';
        pass(20);
      }
      return seen;
    },
  };
}
const TROUBLE = `${`${'#'.repeat(6)}${'.'.repeat(9)}`.repeat(2)}${'#'.repeat(6)}${'.'.repeat(60)}`;
const IDENTIFY = '#####.....';

test('the LED that the board names flashes for trouble, and gets its trigger back', (t) => {
  const { open, look, read, pass, file } = board(t);
  const led = open();
  assert.equal(read('trigger'), 'none [heartbeat] default-on', 'untouched until something is to be shown');
  led?.start('trouble');
  assert.equal(read('trigger'), 'none');
  assert.equal(look(3_840), TROUBLE.repeat(2));
  led?.end('trouble');
  assert.equal(read('trigger'), 'heartbeat');
  writeFileSync(file('brightness'), 'the trigger’s');
  pass(2_000);
  assert.equal(read('brightness'), 'the trigger’s');
});

test('an LED without a trigger gets its brightness back', (t) => {
  const { open, read, file } = board(t);
  writeFileSync(file('trigger'), '[none] heartbeat\n');
  const led = open();
  led?.start('identify');
  assert.equal(read('brightness'), '255');
  led?.end('identify');
  assert.deepEqual([read('trigger'), read('brightness')], ['none', '7']);
});

test('identifying goes before trouble, which goes on afterwards; trouble that comes meanwhile waits', (t) => {
  const { open, look, read, file } = board(t);
  const led = open();
  led?.start('trouble');
  look(100);
  led?.start('identify');
  led?.start('identify');
  assert.equal(look(400), IDENTIFY.repeat(2));
  led?.end('identify');
  assert.equal(look(1_920), TROUBLE);
  led?.end('trouble');
  // The kernel would show what was written so.
  writeFileSync(file('trigger'), 'none [heartbeat]\n');
  led?.start('identify');
  led?.start('trouble');
  assert.equal(look(200), IDENTIFY);
  led?.end('trouble');
  assert.equal(look(200), IDENTIFY);
  led?.end('identify');
  assert.equal(read('trigger'), 'heartbeat');
});

test('a board that names no LED, or one that is not there, has none; one that goes is survived', (t) => {
  assert.equal(board(t, 'console=tty0 nodeos.slot=a\n').open(), null);
  t.mock.timers.reset();
  assert.equal(board(t, 'nodeos.led=GONE\n').open(), null);
  t.mock.timers.reset();
  const { open, folder, pass } = board(t);
  const led = open();
  led?.start('identify');
  rmSync(join(folder, 'ACT'), { recursive: true });
  pass(1_000);
  led?.end('identify');
});

test('a device that is to identify itself blinks, says so on its screen and in its log, and ends by itself', (t) => {
  const { open, look, read, pass, now } = board(t);
  const [lines, printed]: [string[], string[]] = [[], []];
  const facts = { name: 'till-3', system: '1', serial: '0011', addresses: [], wifi: null, state: 'online' };
  const screen = createScreen(
    { ...facts, claimCode: null, work: 'running', apps: [], trouble: null, lookedFor: false },
    (text) => printed.push(text),
    null,
  );
  const identify = createIdentify({ led: open(), screen, log: (text) => lines.push(text), now });
  identify(10);
  assert.equal(look(400), IDENTIFY.repeat(2));
  assert.match(printed.at(-1) ?? '', /^\n {2}identify +this is the device that is looked for\n/);
  // 0.4 s have gone by: this would end before the first one does.
  identify(5);
  pass(9_500);
  assert.equal(read('trigger'), 'none', 'not shorter');
  identify(10);
  pass(9_900);
  assert.equal(read('trigger'), 'none', 'longer');
  pass(100);
  assert.equal(read('trigger'), 'heartbeat');
  pass(1_000);
  assert.doesNotMatch(printed.at(-1) ?? '', /looked for/);
  assert.deepEqual(
    lines,
    [10, 5, 10].map((seconds) => `identify: asked for by the operator, for ${seconds} s`),
  );
});

test('a board without an LED identifies itself by its screen and log', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const [lines, shown]: [string[], unknown[]] = [[], []];
  const screen = { show: (change: object) => shown.push(change) };
  createIdentify({ led: null, screen, log: (text) => lines.push(text), now: () => 0 })(30);
  t.mock.timers.tick(30_000);
  assert.deepEqual(shown, [{ lookedFor: true }, { lookedFor: false }]);
  assert.match(lines.join(), /for 30 s; this board has no LED$/);
});
