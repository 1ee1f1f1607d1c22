import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import fc from 'fast-check';
import { fleetFileSchema } from './fleet-file.ts';
import { parseJson, validate } from './validate.ts';
import { wifiSchema } from './wifi.ts';
import { wifiKey } from './wifi-key.ts';

const KEY = 'f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e';

test('a passphrase makes the keys of IEEE 802.11i, annex H.4', () => {
  assert.equal(wifiKey('IEEE', 'password'), KEY);
  assert.equal(
    wifiKey('ThisIsASSID', 'ThisIsAPassword'),
    '0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af',
  );
  assert.equal(
    wifiKey('Z'.repeat(32), 'a'.repeat(32)),
    'becb93866bb8c3832cb777c2f559807c8c59afcb6eae734885001300a981cc62',
  );
});

test('a key stays as it is, in small letters', () => {
  assert.equal(wifiKey('IEEE', KEY.toUpperCase()), KEY);
});

test('any name and passphrase make the key that wpa_passphrase makes', () => {
  const ascii = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) });
  const names = ascii.filter((text) => text.length > 0 && text.length <= 32 && !text.startsWith('-'));
  const phrases = fc.string({ minLength: 8, maxLength: 63, unit: fc.constantFrom(...'abcXYZ019 _-+"\'\\$#') });
  fc.assert(
    fc.property(names, phrases, (ssid, passphrase) => {
      const { stdout, error } = spawnSync('wpa_passphrase', [ssid], { input: `${passphrase}\n`, encoding: 'utf8' });
      assert.equal(error, undefined, 'wpa_passphrase is part of the Debian package wpasupplicant');
      assert.equal(/^\tpsk=(\w{64})$/m.exec(stdout)?.[1], wifiKey(ssid, passphrase), `${ssid} ${passphrase}`);
    }),
    { numRuns: 20 },
  );
});

test('networks as they should be are taken', () => {
  const open = { ssid: 'Straßenbahn' };
  const networks = [open, { ssid: 'a', psk: '12345678', hidden: true }, { ssid: 'b', psk: KEY }];
  assert.deepEqual(validate(wifiSchema, { country: 'DE', networks }, 'w').networks, networks);
});

for (const [what, wifi, field] of [
  ['no network', { networks: [] }, /networks: /],
  ['a nameless network', { networks: [{ ssid: '' }] }, /networks\.0\.ssid: /],
  ['a name of 33 bytes', { networks: [{ ssid: `${'ß'.repeat(16)}x` }] }, /networks\.0\.ssid: is longer than 32 bytes/],
  ['a short passphrase', { networks: [{ ssid: 'a', psk: 'secret7' }] }, /networks\.0\.psk: is neither/],
  ['a long passphrase', { networks: [{ ssid: 'a', psk: 'secret-word'.repeat(6) }] }, /networks\.0\.psk: is neither/],
  ['a passphrase with an umlaut', { networks: [{ ssid: 'a', psk: 'geheimnisvoll-ö' }] }, /networks\.0\.psk: /],
  ['a passphrase of two lines', { networks: [{ ssid: 'a', psk: 'secret\nnetwork={' }] }, /networks\.0\.psk: /],
  ['no country', { country: 'Germany', networks: [{ ssid: 'a' }] }, /country: is no country code/],
  ['a field of no meaning', { networks: [{ ssid: 'a', password: 'secret-word' }] }, /networks\.0: .*"password"/],
] as const)
  test(`${what} is refused by its field, and the passphrase is not told`, () => {
    assert.throws(
      () => validate(wifiSchema, wifi, 'fleet.json'),
      (error: Error) => field.test(error.message) && !/secret-?\w|geheim/.test(error.message),
    );
  });

test('JSON that is none is refused without a word of what stands in it', () => {
  for (const text of [
    '{"psk": "secret-word"x}',
    '{"psk": secret-word',
    'secret-word',
    '{"psk": "secret-word',
    '["\\s"]',
  ])
    assert.throws(
      () => parseJson(fleetFileSchema, text, 'fleet.json'),
      (error: Error & { code?: string }) =>
        error.code === 'INPUT_INVALID' &&
        /^fleet\.json is not JSON: \w+/.test(error.message) &&
        !/secret/.test(`${error.message} ${error.cause ?? ''}`),
      text,
    );
});
