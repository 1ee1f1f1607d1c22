import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Wifi } from '@nodeos/contracts/wifi.ts';
import fc from 'fast-check';
import { supplicantConfig } from './configuration.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-wifi-'));
after(() => rmSync(folder, { recursive: true }));

/** What wpa_supplicant of the host says while it reads a file; there is no such interface, so it ends then. */
function judge(text: string): string {
  const file = join(folder, 'wpa_supplicant.conf');
  writeFileSync(file, text, { mode: 0o600 });
  // Debian keeps it among the programs of the administrator, where a person's PATH may not lead.
  const env = { PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
  const args = ['-dd', '-D', 'wired', '-i', 'nodeos-absent', '-c', file];
  const { stdout, error } = spawnSync('wpa_supplicant', args, { encoding: 'utf8', env });
  assert.equal(error, undefined, 'wpa_supplicant is part of the Debian package wpasupplicant');
  return stdout;
}

test('a secured, a hidden and an open network are what wpa_supplicant reads, the first with the highest priority', () => {
  const wifi: Wifi = {
    country: 'DE',
    networks: [{ ssid: 'IEEE', psk: 'password', hidden: true }, { ssid: 'Straße' }],
  };
  const text = supplicantConfig(wifi);
  assert.match(text, /^\tpsk=f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e$/m);
  assert.doesNotMatch(text, /password/);
  const read = judge(text);
  assert.match(read, /country='DE'/);
  assert.match(read, /key_mgmt: 0x2\nPSK - hexdump\(len=32\): \[REMOVED\]\nscan_ssid=1 .*\npriority=2 /);
  assert.match(read, /key_mgmt: 0x4\npriority=1 /);
  assert.match(read, /Priority group 2\n {3}id=0 ssid='IEEE'\nPriority group 1\n {3}id=1 ssid='Stra\\xc3\\x9fe'/);
  assert.match(read, /nodeos-absent: Failed to initialize driver interface/);
});

test('whatever a name or a passphrase is, wpa_supplicant reads as many networks as there are', () => {
  const ssid = fc
    .string({ minLength: 1, maxLength: 32, unit: 'grapheme' })
    .filter((text) => Buffer.byteLength(text) < 33);
  const psk = fc.string({ minLength: 8, maxLength: 63, unit: fc.constantFrom(...'aZ9 "\'\\#={}$`~') });
  const network = fc.record({ ssid, psk: fc.option(psk, { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(network, { minLength: 1, maxLength: 3 }), (networks) => {
      const text = supplicantConfig({ networks });
      assert.match(text, /^[\w=\n\t{} -]+$/);
      const read = judge(text);
      assert.equal(read.match(/^ {3}id=\d+ ssid=/gm)?.length, networks.length, read);
      assert.doesNotMatch(read, /Failed to read or parse/);
    }),
    { numRuns: 15 },
  );
});

test('the judge refuses what is wrong', () => {
  const text = supplicantConfig({ networks: [{ ssid: 'a', psk: 'password' }] });
  assert.match(judge(text.replace(/psk=../, 'psk=')), /Failed to read or parse configuration/);
});
