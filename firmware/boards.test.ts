import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assetPath } from './assets.ts';
import { boardNames, listBoards, loadBoard } from './boards.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nodeos-boards-'));
});
after(() => rm(folder, { recursive: true, force: true }));

describe('boards', () => {
  it('all fit the schema, are named as their files, and name kernel fragments that exist', async () => {
    const boards = await listBoards();
    assert.deepEqual(
      boards.map((board) => board.name),
      await boardNames(),
    );
    for (const board of boards) {
      for (const path of [...board.kernel.fragments, ...board.kernel.patches])
        assert.ok(await readFile(assetPath('kernel-configs', path)), path);
    }
  });

  it('are loaded by name and from a file of the user', async () => {
    const board = await loadBoard('x86_64-usb');
    const path = join(folder, 'mine.json');
    await writeFile(path, JSON.stringify({ ...board, name: 'mine' }));
    assert.deepEqual(await loadBoard(path), { ...board, name: 'mine' });
  });

  for (const name of ['no-such-board', 'X', '..']) {
    it(`${name} is unknown, and the message lists those that exist`, async () => {
      await assert.rejects(loadBoard(name), { code: 'BOARD_UNKNOWN', message: /x86_64-usb/ });
    });
  }

  it('a file that is missing, no JSON, or lacks a field is refused with its path', async () => {
    await assert.rejects(loadBoard(join(folder, 'missing.json')), {
      code: 'FILE_UNREADABLE',
      message: /missing\.json/,
    });
    const path = join(folder, 'broken.json');
    await writeFile(path, '{');
    await assert.rejects(loadBoard(path), { code: 'INPUT_INVALID', message: /broken\.json is not JSON/ });
    const { partitions: _, ...rest } = await loadBoard('x86_64-usb');
    await writeFile(path, JSON.stringify(rest));
    await assert.rejects(loadBoard(path), { code: 'INPUT_INVALID', message: /broken\.json.*partitions/ });
  });
});
