import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderBoardTable } from './board-table.ts';

const ROW = { board: 'a', imageMB: 325, slotMB: 39.96, kernelMB: 8.61, kernelSeconds: 540, note: '' };

test('a board that was booted has its times and memory, one that was not says why', () => {
  const table = renderBoardTable([
    { ...ROW, agentSeconds: 4.21, onlineSeconds: 6.5, memoryMiB: { kind: 'least', value: 96 } },
    {
      ...ROW,
      board: 'b',
      agentSeconds: null,
      onlineSeconds: null,
      memoryMiB: null,
      note: 'no emulator has this board',
    },
  ]);
  assert.deepEqual(table.split('\n').slice(2), [
    '| `a` | 325.0 MB | 40.0 MB | 8.6 MB | 540 s | 4.2 s | 6.5 s | 96 MiB suffice |  |',
    '| `b` | 325.0 MB | 40.0 MB | 8.6 MB | 540 s | – | – | – | no emulator has this board |',
  ]);
});
