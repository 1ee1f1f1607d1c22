import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createEscapeFilter } from './terminal.ts';

test('Ctrl-A x leaves, also when the two come apart, and what came before is sent', () => {
  let left = 0;
  const filter = createEscapeFilter(() => left++);
  assert.deepEqual([...filter(Buffer.from('ab\x01'))], [...Buffer.from('ab')]);
  assert.equal(left, 0);
  assert.deepEqual([...filter(Buffer.from('xcd'))], []);
  assert.equal(left, 1);
});

test('Ctrl-A twice is one Ctrl-A, and Ctrl-A before anything else is sent as it is', () => {
  const filter = createEscapeFilter(() => assert.fail('left'));
  assert.deepEqual([...filter(Buffer.from('\x01\x01x'))], [1, 0x78]);
  assert.deepEqual([...filter(Buffer.from('\x01c'))], [1, 0x63]);
});
