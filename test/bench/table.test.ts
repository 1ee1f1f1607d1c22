import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderTable } from './table.ts';

test('the table says what was measured, what was aimed at and whether it is met', () => {
  const table = renderTable([
    { name: 'slot image', value: 39.96, unit: 'MB', aim: 40 },
    { name: 'kexec to cold reboot', value: 0.7, unit: '', aim: 0.6 },
    { name: 'root', value: 34.4, unit: 'MB', aim: null },
  ]);
  assert.deepEqual(table.split('\n'), [
    'what                  measured  aim',
    'slot image            40.0 MB   ≤ 40 MB  met',
    'kexec to cold reboot  0.70      ≤ 0.6    missed',
    'root                  34.4 MB',
  ]);
});
