import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { SerialConsole } from './console.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-console-'));
after(() => rmSync(folder, { recursive: true }));

function open(): { output: PassThrough; input: PassThrough; serial: SerialConsole } {
  const output = new PassThrough();
  const input = new PassThrough();
  const serial = new SerialConsole(join(folder, 'console.log'));
  serial.attach(output, input);
  return { output, input, serial };
}

test('lines come without escapes and line ends, however the bytes were cut', async () => {
  const { output, serial } = open();
  const seen = serial.expect(/second/, 1000, 'the second line');
  output.write('\x1b[2J\x1b[0mfir');
  output.write('st\r\nthe sec');
  output.write('ond\r\n');
  assert.equal((await seen).text, 'the second');
  assert.deepEqual(
    serial.lines.map((line) => line.text),
    ['first', 'the second'],
  );
  assert.match(readFileSync(serial.logPath, 'utf8'), /the second/);
});

test('an unfinished line counts too, for prompts', async () => {
  const { output, serial } = open();
  output.write('hello\n> ');
  assert.equal((await serial.expect(/^> $/, 1000, 'the prompt')).text, '> ');
});

test('what never comes is an error that says what, and names the log', async () => {
  const { output, serial } = open();
  output.write('something else\n');
  await assert.rejects(serial.expect(/never/, 20, 'the banner'), (error) => {
    assert.ok(isNodeosError(error) && error.code === 'EMULATOR_TIMEOUT');
    assert.match(error.message, /^the banner: not seen within 0\.02 s\. Console log: .*console\.log\nsomething else$/);
    return true;
  });
});

test('waiting ends at once when QEMU ends', async () => {
  const { serial } = open();
  const waiting = assert.rejects(serial.expect(/never/, 60_000, 'the banner'), /the banner: QEMU has ended/);
  serial.end('QEMU has ended');
  await waiting;
});

test('only later lines are looked at when a position is given', async () => {
  const { output, serial } = open();
  output.write('ready\n');
  await serial.expect(/ready/, 1000, 'first');
  const later = serial.expect(/ready/, 1000, 'second', serial.position);
  output.write('ready again\n');
  assert.equal((await later).text, 'ready again');
});

test('typed text reaches the guest', () => {
  const { input, serial } = open();
  serial.write('1+1\r');
  assert.equal(input.read().toString(), '1+1\r');
});

test('after a restart the next machine goes on in the same log, on a line of its own', async () => {
  const { output, input, serial } = open();
  output.write('first machine');
  await serial.expect(/first machine/, 1000, 'the first machine');
  const [nextOutput, nextInput] = [new PassThrough(), new PassThrough()];
  serial.attach(nextOutput, nextInput);
  nextOutput.write('second machine\n');
  await serial.expect(/^second machine$/, 1000, 'the second machine');
  assert.equal(readFileSync(serial.logPath, 'utf8'), 'first machinesecond machine\n');
  serial.write('x');
  assert.equal(nextInput.read().toString(), 'x');
  assert.equal(input.read(), null);
});
