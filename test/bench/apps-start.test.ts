import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppStart } from './apps-on-device.ts';
import { appStartRows } from './apps-start.ts';

const start = (kind: AppStart['kind'], startMs: number, residentKiB: number): AppStart => ({
  ...{ kind, startMs, residentKiB, ownKiB: residentKiB / 2, allKiB: residentKiB + 1000 },
});

test('medians of each kind, and the app’s over the plain one’s', () => {
  const starts = [
    ...[start('plain', 100, 40_000), start('app', 150, 42_000), start('plain', 120, 40_000)],
    ...[start('app', 180, 42_000), start('plain', 900, 40_000), start('app', 200, 42_000)],
  ];
  const value = (name: string): number | undefined => appStartRows(starts).find((row) => row.name === name)?.value;
  assert.equal(value('start until it listens, plain node'), 120);
  assert.equal(value('start until it listens, as an app'), 180);
  assert.equal(value('start until it listens, app to plain'), 1.5);
  assert.equal(value('resident memory of node, as an app'), 43.008);
  assert.equal(value('resident memory with the launcher, app to plain')?.toFixed(4), (43 / 41).toFixed(4));
});
