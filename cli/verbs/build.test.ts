import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runForTest, temporaryFolder } from '../cli.testing.ts';

describe('nodeos build', () => {
  it('shows what it would build, for people and for programs, and makes nothing', async (test) => {
    const cwd = await temporaryFolder(test);
    const text = await runForTest(['build', '--dry-run'], { cwd });
    assert.equal(text.code, 0, text.stderr);
    assert.match(text.stdout, /^x86_64-usb: /);
    const json = await runForTest(['build', '--dry-run', '--json'], { cwd });
    assert.equal(JSON.parse(json.stdout).board, 'x86_64-usb');
    assert.deepEqual(await readdir(cwd), []);
  });

  for (const [name, argv, code] of [
    ['an unknown board', ['--board', 'abacus'], 'BOARD_UNKNOWN'],
    ['a board file that is not there', ['--board', './mine.json'], 'FILE_UNREADABLE'],
    ['a board file that does not fit', ['--board', './wrong.json'], 'INPUT_INVALID'],
    ['an unknown layer', ['--layer', 'cake'], 'INPUT_INVALID'],
    ['an unknown format', ['--format', 'img,cake'], 'INPUT_INVALID'],
    ['a format that the board has no use for', ['--board', 'raspberrypi3', '--format', 'iso'], 'FORMAT_UNSUPPORTED'],
    ['a format and a layer at once', ['--format', 'img', '--layer', 'slot'], 'INPUT_INVALID'],
    ['an app that is not there', ['--app', 'app'], 'FILE_UNREADABLE'],
    ['a version that is not semver', ['--system-version', '1.0'], 'VERSION_INVALID'],
    ['keys that are not there', ['--keys', 'keys'], 'KEY_MISSING'],
    ['a fleet file that is not there', ['--fleet', 'none.json'], 'FILE_UNREADABLE'],
    ['a fleet file that does not fit', ['--fleet', 'wrong.json'], 'INPUT_INVALID'],
  ] as const) {
    it(`refuses ${name} before it builds anything`, async (test) => {
      const cwd = await temporaryFolder(test);
      await writeFile(join(cwd, 'wrong.json'), '{"server": "http://plain"}');
      const result = await runForTest(['build', ...argv], { cwd });
      assert.equal(result.code, 1);
      assert.match(result.stderr, new RegExp(`^error ${code}: .+\n {2}next: .+\n$`));
      assert.deepEqual(await readdir(cwd), ['wrong.json']);
    });
  }
});
