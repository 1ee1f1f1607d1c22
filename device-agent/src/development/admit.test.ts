import assert from 'node:assert/strict';
import { test } from 'node:test';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import { admitManifest } from './admit.ts';

const wanted = (settings: Parameters<typeof appManifest>[1]) => appManifest('1.0.0', settings);
const refused = { code: 'DEVELOPMENT_REFUSED' };

test('unsigned files get the usual devices and memory; what is rarer only as far as the release was signed with it', () => {
  assert.deepEqual(admitManifest('hello', wanted({ devices: ['gpio', 'i2c?'] }), null).devices, ['gpio', 'i2c?']);
  for (const devices of [['/dev/sda'], ['/dev/sda?'], ['fuse']]) {
    assert.throws(() => admitManifest('hello', wanted({ devices }), null), refused);
    assert.throws(() => admitManifest('hello', wanted({ devices }), wanted({ devices: ['gpio'] })), refused);
    assert.deepEqual(admitManifest('hello', wanted({ devices }), wanted({ devices })).devices, devices);
  }
  assert.throws(() => admitManifest('hello', wanted({ kiosk: true }), wanted({})), refused);
  assert.equal(admitManifest('hello', wanted({ kiosk: true }), wanted({ kiosk: true })).kiosk, true);
  assert.throws(() => admitManifest('hello', wanted({ memoryMiB: 300 }), wanted({ memoryMiB: 128 })), refused);
  assert.equal(admitManifest('hello', wanted({ memoryMiB: 300 }), wanted({ memoryMiB: 300 })).memoryMiB, 300);
});

test('unsigned files are nobody else: no other name, user or data', () => {
  assert.throws(() => admitManifest('other', wanted({}), null), { code: 'INPUT_INVALID' });
  assert.throws(() => admitManifest('root', wanted({ name: 'root' }), null), refused);
  const migrations = { 2: { up: ['node', 'up.js'], down: ['node', 'down.js'] } };
  const own = admitManifest('hello', wanted({ user: 'bank', data: { version: 2, migrations } }), null);
  assert.deepEqual([own.user, own.data], [undefined, undefined]);
  assert.equal(admitManifest('hello', wanted({ stopGraceMs: 600_000 }), null).stopGraceMs, 500);
});
