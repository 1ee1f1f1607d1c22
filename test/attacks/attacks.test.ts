import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ATTACKS } from './all.ts';
import { attempt } from './attack.ts';

for (const attack of ATTACKS) {
  test(`attack: ${attack.title}`, async () => {
    const { held, answer } = await attempt(attack);
    assert.ok(held, answer);
  });
}
