import assert from 'node:assert/strict';
import { dirname } from 'node:path/posix';
import { describe, it } from 'node:test';
import { exampleBoard } from './example-board.testing.ts';
import { factoryTree, withRoomFor } from './factory-app.ts';
import { planImage } from './image-plan.ts';
import { MIB } from './layout.ts';

const sha256 = 'ab'.repeat(32);

describe('factoryTree', () => {
  it('is the users’ folder and the system’s where there is no app', () => {
    const { folders, files } = factoryTree(null);
    assert.deepEqual(
      folders.map(({ path }) => path),
      ['/users', '/.system'],
    );
    assert.deepEqual(files, []);
  });

  it('has a folder for each file, each after the one that it stands in', () => {
    const { folders, files } = factoryTree({ sha256 });
    const known = ['/'];
    for (const { path } of folders) {
      assert.ok(known.includes(dirname(path)), path);
      known.push(path);
    }
    for (const { path } of files) assert.ok(known.includes(dirname(path)), path);
    assert.deepEqual(files.map(({ content }) => content).sort(), ['bundle', 'state']);
  });
});

describe('planImage', () => {
  const options = { systemVersion: '1.0.0', fleetFile: false, trustRoot: false, fragments: {} };
  const data = (app?: string) => planImage(exampleBoard, { ...options, app }).areas.find(({ name }) => name === 'data');

  it('names the app in the data partition, and none where there is none', () => {
    assert.deepEqual(data()?.files, [{ path: '/users', source: 'empty' }]);
    assert.deepEqual(data('my-app')?.files[1], { path: '/.system/agent', source: 'my-app, installed' });
  });
});

describe('withRoomFor', () => {
  it('leaves the board alone where the app fits, or there is none', () => {
    assert.equal(withRoomFor(exampleBoard, null), exampleBoard);
    assert.equal(withRoomFor(exampleBoard, { bytes: MIB }), exampleBoard);
  });

  it('makes the data partition larger by what a larger app needs, and nothing else', () => {
    const { partitions, ...board } = withRoomFor(exampleBoard, { bytes: 20 * MIB + 1 });
    assert.deepEqual(partitions, { ...exampleBoard.partitions, dataMiB: 35 });
    const { partitions: _, ...expected } = exampleBoard;
    assert.deepEqual(board, expected);
  });
});
