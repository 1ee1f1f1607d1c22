import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { ed25519KeyFault } from './ed25519.ts';

const key = (hex: string) => Buffer.from(hex, 'hex');

test('keys of RFC 8032 and fresh keys are taken', () => {
  for (const hex of [
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
    '278117fc144c72340f67d0f2316e8386ceffbf2b2428c9c51fef7c597f1d426e',
  ])
    assert.equal(ed25519KeyFault(key(hex)), null);
  for (let count = 0; count < 20; count++) {
    const { x } = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    assert.equal(ed25519KeyFault(Buffer.from(x as string, 'base64url')), null);
  }
});

// The eight points of small order and their second encodings, as libsodium lists them (ge25519_has_small_order).
const WEAK = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
];

test('keys of small order and second encodings are refused', () => {
  for (const hex of WEAK) assert.match(ed25519KeyFault(key(hex)) ?? 'taken', /small order|canonical/, hex);
  assert.match(ed25519KeyFault(key(`02${'00'.repeat(31)}`)) ?? 'taken', /not a point/);
  assert.match(ed25519KeyFault(Buffer.alloc(31)) ?? 'taken', /31 bytes/);
});
