import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomText } from './random-text.ts';

test('a random text is never taken for an option, and no two are equal', () => {
  const texts = Array.from({ length: 2_000 }, () => randomText(18));
  assert.equal(new Set(texts).size, texts.length);
  for (const text of texts) assert.match(text, /^[A-Za-z0-9_][A-Za-z0-9_-]{23}$/);
});
