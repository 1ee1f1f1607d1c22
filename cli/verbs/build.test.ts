import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import type { Board } from '@nodeos/contracts/board.ts';
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

  it('shows the whole plan of each board: partitions, files with sources, kernel options', async (test) => {
    const cwd = await temporaryFolder(test);
    const boards: Board[] = JSON.parse((await runForTest(['boards', '--json'], { cwd })).stdout);
    assert.equal(boards.length, 9);
    for (const { name, kernel, partitions } of boards) {
      const { code, stdout, stderr } = await runForTest(['build', '--board', name, '--dry-run'], { cwd });
      assert.equal(code, 0, stderr);
      const rows = stdout.split('\n').map((line) => line.split(/ {2,}/));
      const table = rows.filter(([number]) => /^p[1-4]$/.test(number ?? '')).map(([, ...cells]) => cells.slice(0, 3));
      const { startMiB, bootMiB, slotMiB, dataMiB } = partitions;
      const slotA = startMiB + bootMiB;
      assert.deepEqual(
        table,
        [
          ['boot', startMiB, bootMiB],
          ['slot a', slotA, slotMiB],
          ['slot b', slotA + slotMiB, slotMiB],
          ['data', slotA + 2 * slotMiB, dataMiB],
        ].map(([area, offset, size]) => [area, `${offset} MiB`, `${size} MiB`]),
      );
      const files = rows.filter(([area, path]) => area === 'slot a' && path?.startsWith('/'));
      assert.ok(
        files.some(([, path, source]) => path === '/kernel' && source === kernel.source),
        name,
      );
      for (const tree of kernel.deviceTrees)
        assert.ok(
          files.some(([, path, source]) => path === `/${basename(tree)}` && source?.includes(tree)),
          tree,
        );
      const options = rows.filter(([option]) => /^CONFIG_\w+=/.test(option ?? ''));
      const askedIn = new Set(options.map(([, where]) => where?.split(':')[0]));
      assert.deepEqual([...askedIn].sort(), [...kernel.fragments].sort(), name);
    }
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
