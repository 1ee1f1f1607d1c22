import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import type { ReplMessage } from '@nodeos/contracts/mqtt.ts';
import type { Ending } from './apps/process.ts';
import { createRepl } from './repl.ts';

function open(t: TestContext, idleLimitMs = 60_000, note: string | null = null) {
  const messages: ReplMessage[] = [];
  const started: { readonly ended: Promise<Ending> }[] = [];
  let arrived: () => void = () => {};
  const repl = createRepl({
    findApp: () => undefined,
    log: () => {},
    idleLimitMs,
    publish(message) {
      messages.push(message);
      arrived();
    },
    async start() {
      const child = spawn(process.execPath, ['--interactive'], { stdio: 'pipe' });
      const ended = new Promise<Ending>((resolve) =>
        child.on('close', (code, signal) => resolve({ code, signal, note })),
      );
      started.push({ ended });
      return { child, ended };
    },
  });
  t.after(() => repl.close());
  const until = async (condition: () => boolean) => {
    while (!condition())
      await new Promise<void>((resolve) => {
        arrived = resolve;
      });
  };
  const textOf = (session: string) =>
    messages
      .filter((message) => message.session === session)
      .map((message) => message.data)
      .join('');
  const ended = (session: string) => messages.some((message) => message.session === session && message.end);
  return { repl, until, textOf, ended, started };
}

test('what is typed is answered; `end` ends the process', async (t) => {
  const { repl, until, textOf, ended } = open(t);
  await repl.open('s1', null);
  repl.input({ session: 's1', data: '6 * 7\n', end: false });
  await until(() => textOf('s1').includes('42'));
  repl.input({ session: 'another', data: 'process.exit()\n', end: true });
  assert.ok(!ended('s1'));
  repl.input({ session: 's1', data: '', end: true });
  assert.ok(ended('s1'));
});

test('what is typed while the process is being started is not lost', async (t) => {
  const { repl, until, textOf } = open(t);
  const opened = repl.open('s1', null);
  repl.input({ session: 's1', data: '6 *', end: false });
  repl.input({ session: 's1', data: ' 7\n', end: false });
  await opened;
  await until(() => textOf('s1').includes('42'));
});

test('of two sessions that are opened at once the later one stays', async (t) => {
  const { repl, until, textOf, ended } = open(t);
  const first = repl.open('s1', null);
  const second = repl.open('s2', null);
  await Promise.all([first, second]);
  assert.ok(ended('s1'));
  repl.input({ session: 's2', data: '6 * 7\n', end: false });
  await until(() => textOf('s2').includes('42'));
  assert.equal(textOf('s1'), '');
});

test('a session that is ended before its process runs leaves none behind', async (t) => {
  const { repl, ended, started } = open(t);
  const opened = repl.open('s1', null);
  repl.input({ session: 's1', data: '', end: true });
  assert.ok(ended('s1'));
  await opened;
  assert.deepEqual(await Promise.all(started.map((run) => run.ended.then(({ signal }) => signal))), ['SIGKILL']);
});

test('a process that ends by itself ends the session', async (t) => {
  const { repl, until, ended } = open(t);
  await repl.open('s1', null);
  repl.input({ session: 's1', data: '.exit\n', end: false });
  await until(() => ended('s1'));
});

test('a session that the device ended is told why', async (t) => {
  const { repl, until, textOf, ended } = open(t, 60_000, 'used more than its 96 MiB of memory');
  await repl.open('s1', null);
  repl.input({ session: 's1', data: '.exit\n', end: false });
  await until(() => ended('s1'));
  assert.match(textOf('s1'), /used more than its 96 MiB/);
});

test('a new session ends the one before', async (t) => {
  const { repl, until, textOf, ended } = open(t);
  await repl.open('s1', null);
  await repl.open('s2', null);
  assert.ok(ended('s1'));
  repl.input({ session: 's2', data: '"still " + "here"\n', end: false });
  await until(() => textOf('s2').includes('still here'));
});

test('a session that nobody types into is ended', async (t) => {
  const { repl, until, ended } = open(t, 20);
  await repl.open('s1', null);
  await until(() => ended('s1'));
});

test('an app that is not there is said so', async (t) => {
  const { repl, textOf, ended } = open(t);
  await repl.open('s1', 'nothing');
  assert.match(textOf('s1'), /no app "nothing"/);
  assert.ok(ended('s1'));
});
