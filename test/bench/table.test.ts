import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Measurement, renderGrowth, renderTable } from './table.ts';

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

test('growth stands in columns, with a gap where a size was not measured', () => {
  const told = (value: number): Measurement => ({ name: 'told', value, unit: 's', aim: null });
  const rate: Measurement = { name: 'rate', value: 150, unit: '', aim: null };
  const sizes = [['100', [told(0.5)]] as const, ['1000', [told(12.34), rate]] as const];
  assert.deepEqual(renderGrowth(sizes).split('\n'), [
    'what     100   1000',
    'told, s  0.50  12.3',
    'rate           150',
  ]);
});
