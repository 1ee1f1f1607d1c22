import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { assetPath } from '@nodeos/firmware/assets.ts';
import { loadBoard } from '@nodeos/firmware/boards.ts';
import { runForTest, temporaryFolder } from '../cli.testing.ts';

const HELLO = '#include <stdio.h>\nint main(void) { printf("hello %zu\\n", sizeof(void *)); return 7; }\n';

describe('nodeos toolchain', () => {
  it('runs a command with the tools of a board and ends as the command does', async (test) => {
    const cwd = await temporaryFolder(test);
    await writeFile(join(cwd, 'hello.c'), HELLO);
    const script = '$CC $CFLAGS -o hello hello.c && $STRIP hello && ./hello && exit 1';
    const result = await runForTest(['toolchain', 'exec', '--', 'sh', '-c', script], { cwd });
    assert.deepEqual([result.code, result.stdout], [7, 'hello 8\n'], result.stderr);
  });

  it('ends as shells do where a signal ended the command', async (test) => {
    const cwd = await temporaryFolder(test);
    const result = await runForTest(['toolchain', 'exec', '--', 'sh', '-c', 'kill -9 $$'], { cwd });
    assert.equal(result.code, 137);
  });

  it('prints the variables so that a shell takes them as they are', async (test) => {
    const cwd = await temporaryFolder(test);
    const json = JSON.parse((await runForTest(['toolchain', 'env', '--json'], { cwd })).stdout);
    assert.equal(json.npm_config_arch, 'x64');
    const { stdout } = await runForTest(['toolchain', 'env'], { cwd });
    const program = 'process.stdout.write(JSON.stringify(process.env))';
    const seen = execFileSync('sh', ['-c', `${stdout}exec "$0" -e '${program}'`, process.execPath]).toString();
    for (const [name, value] of Object.entries(json)) assert.equal(JSON.parse(seen)[name], value, name);
  });

  for (const [name, argv, code] of [
    ['an unknown board', ['toolchain', 'env', '--board', 'abacus'], 'BOARD_UNKNOWN'],
    ['a program that is not there', ['toolchain', 'exec', '--', 'no-such-program'], 'TOOL_MISSING'],
  ] as const) {
    it(`refuses ${name}`, async (test) => {
      const result = await runForTest(argv, { cwd: await temporaryFolder(test) });
      assert.equal(result.code, 1);
      assert.match(result.stderr, new RegExp(`error ${code}: .+\n {2}next: .+\n$`));
    });
  }

  it('names the package to install where the board needs a compiler that is not there', async (test) => {
    const cwd = await temporaryFolder(test);
    const board = await loadBoard(assetPath('boards', 'x86_64-usb.json'));
    const other = { ...board, architecture: { ...board.architecture, crossPrefix: 'none-linux-gnu-' } };
    await writeFile(join(cwd, 'other.json'), JSON.stringify(other));
    const result = await runForTest(['toolchain', 'env', '--board', './other.json'], { cwd });
    assert.equal(result.code, 1);
    assert.match(result.stderr, /^error TOOL_MISSING: .*none-linux-gnu-gcc/);
    assert.match(result.stderr, /next: .*apt-get install gcc-none-linux-gnu g\+\+-none-linux-gnu/);
  });
});
