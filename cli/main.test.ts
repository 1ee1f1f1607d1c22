import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Command } from 'commander';
import { runForTest, temporaryFolder } from './cli.testing.ts';
import { VERBS } from './verbs.ts';

function leafCommands(command: Command, path: string[] = []): string[][] {
  if (command.commands.length === 0) return [path];
  return command.commands.flatMap((child) => leafCommands(child, [...path, child.name()]));
}

function allVerbs(): string[][] {
  const program = new Command('nodeos');
  const io = {
    stdout: process.stdout,
    stderr: process.stderr,
    signal: new AbortController().signal,
    env: {},
    cwd: '/',
  };
  for (const register of VERBS) register(program, io);
  return leafCommands(program);
}

describe('runCli', () => {
  for (const verb of allVerbs()) {
    it(`shows help with an example for ${verb.join(' ')}`, async () => {
      const { code, stdout, stderr } = await runForTest([...verb, '--help'], { cwd: '/' });
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`Usage: nodeos ${verb.join(' ')}`));
      assert.match(stdout, /Examples?:\n {2}\$ /);
    });
  }

  for (const verb of ['boards', 'devices list', 'publish', 'doctor', 'claim-token list', 'sources update', 'build']) {
    it(`offers --json for ${verb}`, async () => {
      assert.match((await runForTest([...verb.split(' '), '--help'], { cwd: '/' })).stdout, /--json/);
    });
  }

  for (const [name, argv, hint] of [
    ['an unknown verb', ['frobnicate'], 'nodeos --help'],
    ['an unknown option', ['boards', '--frobnicate'], 'nodeos boards --help'],
    ['a missing argument', ['deploy'], 'nodeos deploy --help'],
  ] as const) {
    it(`ends with 2 and the next step for ${name}`, async () => {
      const { code, stdout, stderr } = await runForTest(argv, { cwd: '/' });
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, /^error INPUT_INVALID: .+\n {2}next: (.+)\n$/);
      assert.ok(stderr.includes(`next: ${hint}\n`), stderr);
    });
  }

  it('shows the help and ends with 2 where no verb is given', async () => {
    const { code, stderr } = await runForTest([], { cwd: '/' });
    assert.equal(code, 2);
    assert.match(stderr, /Usage: nodeos/);
  });

  it('prints its version', async () => {
    const { code, stdout } = await runForTest(['--version'], { cwd: '/' });
    assert.equal(code, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  });

  it('prints a coded error with its hint and ends with 1', async (test) => {
    const cwd = await temporaryFolder(test);
    const { code, stdout, stderr } = await runForTest(['bundle', '.', '--board', 'no-such'], { cwd });
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, /^error BOARD_UNKNOWN: there is no board no-such.*\n {2}next: List the boards/);
  });

  it('ends with 130 after Ctrl-C', async (test) => {
    const cwd = await temporaryFolder(test);
    const signal = AbortSignal.abort();
    const { code, stderr } = await runForTest(['devices', 'list', '--token', 't'], { cwd, signal });
    assert.equal(code, 130);
    assert.match(stderr, /^error INTERRUPTED: /);
  });
});
