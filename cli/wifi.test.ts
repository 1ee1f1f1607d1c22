import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { describe, it } from 'node:test';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { fileDrive, MIB, testImage } from '@nodeos/firmware/flash/flash.testing.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { runForTest, temporaryFolder } from './cli.testing.ts';
import { runCli } from './main.ts';
import { addWifi, readWifi } from './wifi.ts';

const FLEET: FleetFile = {
  server: 'https://10.0.2.2:8443',
  broker: 'mqtts://10.0.2.2:8883',
  ca: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  claimToken: 'claim-token-of-the-test',
};
/** IEEE 802.11i, annex H.4. */
const [SSID, PASSPHRASE] = ['ThisIsASSID', 'ThisIsAPassword'];
const KEY = '0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af';

async function site(t: Parameters<typeof temporaryFolder>[0]) {
  const folder = await temporaryFolder(t);
  const image = await testImage(folder, 0);
  const drive = await fileDrive(join(folder, 'drive'), image.bytes);
  await writeFile(join(folder, 'fleet.json'), JSON.stringify(FLEET));
  await writeFile(join(folder, 'passphrase'), `${PASSPHRASE}\n`, { mode: 0o600 });
  const args = ['flash', 'disk.img', '--drive', 'drive', '--yes', '--fleet', 'fleet.json', '--receipts', 'receipts'];
  const onCard = async (): Promise<FleetFile> =>
    JSON.parse((await runTool('mtype', ['-i', `${drive.path}@@${MIB}`, '::/fleet.json'])).stdout.toString());
  return { folder, args, onCard };
}

/** A person at a terminal, who answers each question with the next line. */
function atTerminal(folder: string, answers: readonly string[]) {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
  let seen = '';
  let asked = 0;
  const sink = (): Writable =>
    new Writable({
      write(chunk, _encoding, done) {
        seen += chunk;
        if (/Passphrase of .*: $/.test(String(chunk))) setImmediate(() => stdin.write(answers[asked++] ?? '\x03'));
        done();
      },
    });
  const io = {
    ...{ stdin, stdout: sink(), stderr: sink(), signal: new AbortController().signal, cwd: folder },
    env: { PATH: process.env.PATH, HOME: folder },
  };
  return { io, seen: () => seen };
}

describe('nodeos flash --wifi', () => {
  it('puts the key on the card and the passphrase nowhere', async (t) => {
    const { folder, args, onCard } = await site(t);
    const more = ['--wifi', SSID, '--wifi-passphrase-file', 'passphrase', '--wifi-country', 'DE', '--wifi-hidden'];
    const { code, stdout, stderr } = await runForTest([...args, ...more], { cwd: folder });
    assert.equal(code, 0, stderr);
    const wifi = { country: 'DE', networks: [{ ssid: SSID, psk: KEY, hidden: true }] };
    assert.deepEqual(await onCard(), { ...FLEET, network: { wifi } });
    const card = await readFile(join(folder, 'drive'));
    assert.equal(card.indexOf(PASSPHRASE), -1);
    const receipts = await runTool('grep', ['-rE', `${PASSPHRASE}|${KEY}`, join(folder, 'receipts')], { okCodes: [1] });
    assert.equal(receipts.code, 1);
    assert.doesNotMatch(stdout + stderr, new RegExp(`${PASSPHRASE}|${KEY}`));
    assert.match(stderr, /Which board this image is for cannot be seen/);
  });

  it('takes the passphrase from the environment, and a network that is open without one', async (t) => {
    const { folder, args, onCard } = await site(t);
    const env = { NODEOS_WIFI_PASSPHRASE: PASSPHRASE };
    assert.equal((await runForTest([...args, '--wifi', SSID], { cwd: folder, env })).code, 0);
    assert.deepEqual((await onCard()).network?.wifi, { networks: [{ ssid: SSID, psk: KEY }] });
    assert.equal((await runForTest([...args, '--wifi', 'Guests', '--wifi-open'], { cwd: folder, env })).code, 0);
    assert.deepEqual((await onCard()).network?.wifi, { networks: [{ ssid: 'Guests' }] });
  });

  it('asks at a terminal until it is one, and shows nothing of it', async (t) => {
    const { folder, args, onCard } = await site(t);
    const { io, seen } = atTerminal(folder, ['short\r', `${PASSPHRASE}\r`]);
    assert.equal(await runCli([...args, '--wifi', SSID], io), 0, seen());
    assert.deepEqual((await onCard()).network?.wifi, { networks: [{ ssid: SSID, psk: KEY }] });
    assert.match(seen(), /8 to 63 ASCII characters/);
    assert.doesNotMatch(seen(), new RegExp(`short|${PASSPHRASE}|${KEY}`));
  });

  it('ends without writing where nothing is typed', async (t) => {
    const { folder, args } = await site(t);
    const before = await readFile(join(folder, 'drive'));
    const { io, seen } = atTerminal(folder, ['\x03']);
    assert.equal(await runCli([...args, '--wifi', SSID], io), 130, seen());
    assert.ok(before.equals(await readFile(join(folder, 'drive'))));
  });

  it('refuses a board without WiFi before it asks or builds anything', async (t) => {
    const { folder } = await site(t);
    const args = ['flash', '--board', 'x86_64-usb', '--drive', 'drive', '--yes', '--fleet', 'fleet.json'];
    const { code, stderr } = await runForTest([...args, '--wifi', SSID], { cwd: folder });
    assert.equal(code, 1);
    assert.match(stderr, /^error WIFI_UNAVAILABLE: the board x86_64-usb has no WiFi/m);
  });

  for (const [title, more, message] of [
    ['nobody to ask', ['--wifi', SSID], /nobody is here to say the passphrase of ThisIsASSID/],
    ['options without a network', ['--wifi-country', 'DE'], /WiFi network that is not named/],
    ['a network without a fleet file', ['--no-fleet', '--wifi', SSID, '--wifi-open'], /written into the fleet file/],
    ['a country that is none', ['--wifi', SSID, '--wifi-open', '--wifi-country', 'UK'], /UK is the code of no country/],
    ['a country in words', ['--wifi', SSID, '--wifi-open', '--wifi-country', 'Germany'], /country: is no country code/],
    ['a name that is too long', ['--wifi', 'x'.repeat(33), '--wifi-open'], /networks\.0\.ssid: is longer/],
    [
      'open with a passphrase',
      ['--wifi', SSID, '--wifi-open', '--wifi-passphrase-file', 'passphrase'],
      /cannot be open/,
    ],
    ['a passphrase that is none', ['--wifi', SSID, '--wifi-passphrase-file', 'disk.img'], /psk: is neither/],
  ] as const)
    it(`refuses ${title}`, async (t) => {
      const { folder, args } = await site(t);
      const { code, stderr } = await runForTest([...args, ...more], { cwd: folder });
      assert.equal(code, 1);
      assert.match(stderr, /^error INPUT_INVALID: /m);
      assert.match(stderr, message);
    });
});

describe('addWifi', () => {
  it('puts the network before the others, in the place of one of its name', async () => {
    const before = { country: 'AT', networks: [{ ssid: 'Hall' }, { ssid: 'Workshop', psk: 'an-old-word' }] };
    const fleet = { ...FLEET, network: { timeServers: ['ntp.example'], wifi: before } };
    assert.deepEqual(addWifi(fleet, { networks: [{ ssid: 'Workshop', psk: KEY }] }).network, {
      timeServers: ['ntp.example'],
      wifi: { country: 'AT', networks: [{ ssid: 'Workshop', psk: KEY }, { ssid: 'Hall' }] },
    });
    assert.equal(addWifi(fleet, null), fleet);
  });

  it('is given nothing where no network is named', async () => {
    assert.equal(await readWifi({} as Parameters<typeof readWifi>[0], {}), null);
  });
});
