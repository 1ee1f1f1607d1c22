import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { appManifest } from '@nodeos/contracts/app-manifest.testing.ts';
import { DEVICE_ROUTES, type EnrolRequest, enrolAnswerSchema } from '@nodeos/contracts/device-api.ts';
import { type FleetFile, fleetFileSchema } from '@nodeos/contracts/fleet-file.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import { makeSquashfs } from '@nodeos/firmware/formats/squashfs.ts';
import { makeDeviceKey, makeRequest } from '@nodeos/ota-server/testing/device-identity.ts';
import { until } from '@nodeos/ota-server/testing/until.ts';
import { type Finished, runForTest, temporaryFolder } from '../cli.testing.ts';

const manifest = appManifest('1.0.0');

/** Asks the device API as a device without a certificate does. */
async function enrol(fleet: FleetFile, body: EnrolRequest): Promise<{ state: string }> {
  const text = await new Promise<string>((resolve, reject) => {
    const options = { method: 'POST', ca: fleet.ca, headers: { 'content-type': 'application/json' } };
    const ask = request(new URL(DEVICE_ROUTES.enrol, fleet.server), options, (answer) => {
      answer.setEncoding('utf8');
      answer.toArray().then((parts) => resolve(parts.join('')), reject);
    });
    ask.on('error', reject);
    ask.end(JSON.stringify(body));
  });
  return parseJson(enrolAnswerSchema, text, 'the answer');
}

describe('an operator at work on a real server', () => {
  let cwd: string;
  let stopServer: () => Promise<Finished>;
  const cleanups: (() => Promise<void> | void)[] = [];
  const run = (...argv: string[]) => runForTest(argv, { cwd });
  const expectError = async (code: string, ...argv: string[]): Promise<string> => {
    const { code: status, stderr } = await run(...argv);
    assert.equal(status, 1, stderr);
    assert.match(stderr, new RegExp(`^error ${code}: .+\n {2}next: .+\n$`, 's'));
    return stderr;
  };
  const bundle = async (name: string, content: string): Promise<string> => {
    const source = join(cwd, `${name}-files`);
    await mkdir(source);
    await writeFile(join(source, '.nodeos-manifest.json'), JSON.stringify(manifest));
    await writeFile(join(source, 'a.js'), content);
    const compression = { algorithm: 'zstd', level: 1, blockBytes: 131_072 } as const;
    const output = join(cwd, `${name}.sqfs`);
    await makeSquashfs({ source, output, modified: 0, compression }, new AbortController().signal);
    return output;
  };

  before(async () => {
    cwd = await temporaryFolder({ after: (cleanup) => cleanups.push(cleanup) });
    const stop = new AbortController();
    await new Promise<void>((resolve, reject) => {
      const argv = ['server', '--no-dashboard', '--port', '0', '--device-host', '127.0.0.1', '--device-port', '0'];
      const onOutput = (text: string): void => {
        if (text.includes('Ctrl-C')) resolve();
      };
      const server = runForTest([...argv, '--mqtt-port', '0'], { cwd, signal: stop.signal, onOutput });
      server.then((result) => reject(new Error(`the server ended: ${result.stderr}`)), reject);
      stopServer = () => {
        stop.abort();
        return server;
      };
    });
  });
  after(async () => {
    assert.equal((await stopServer()).code, 0);
    for (const cleanup of cleanups) await cleanup();
  });

  it('knows the server and its token from the file that the server wrote', async () => {
    const { code, stdout } = await run('devices', 'list');
    assert.deepEqual([code, stdout], [0, 'No devices yet.\n']);
    assert.equal((await stat(join(cwd, '.config/nodeos/config.json'))).mode & 0o777, 0o600);
  });

  it('is refused with a wrong token', async () => {
    await expectError('UNAUTHENTICATED', 'devices', 'list', '--token', 'wrong');
  });

  it('cannot publish without keys', async () => {
    await expectError('KEY_MISSING', 'publish', await bundle('early', '0'));
  });

  it('makes keys once', async () => {
    const { code, stderr } = await run('keys', 'init');
    assert.equal(code, 0, stderr);
    const key = await readFile(join(cwd, 'keys/targets.pem'));
    await expectError('KEY_EXISTS', 'keys', 'init');
    assert.deepEqual(await readFile(join(cwd, 'keys/targets.pem')), key);
    await expectError('CONFLICT', 'keys', 'init', '--dir', 'others');
    assert.equal(existsSync(join(cwd, 'others')), false);
  });

  it('publishes a version once: the same bytes again change nothing, other bytes are refused', async () => {
    const first = await bundle('first', '1');
    assert.match((await run('publish', first)).stdout, /^apps\/hello\/1\.0\.0\/any\.sqfs is published\.\n/);
    assert.match((await run('publish', first)).stdout, /was published before with the same bytes/);
    await expectError('RELEASE_EXISTS', 'publish', await bundle('second', '2'));
    const { stdout } = await run('publish', '--list', '--json');
    assert.deepEqual(
      JSON.parse(stdout).map((release: { target: string }) => release.target),
      ['apps/hello/1.0.0/any.sqfs'],
    );
  });

  it('moves a release between channels', async () => {
    const channels = async () =>
      JSON.parse((await run('publish', '--list', '--json')).stdout).map(
        (release: { custom: { channel?: string } }) => release.custom.channel,
      );
    assert.match((await run('promote', 'hello@1.0.0')).stdout, /was for all devices already/);
    assert.match((await run('promote', 'hello@1.0.0', '--channel', 'beta')).stdout, /is of the channel beta now/);
    assert.deepEqual(await channels(), ['beta']);
    assert.match((await run('promote', 'hello@1.0.0')).stdout, /is for all devices now/);
    assert.deepEqual(await channels(), [undefined]);
    await expectError('INPUT_INVALID', 'promote', 'hello@1.0.0', '--channel', 'Not One');
    await expectError('RELEASE_UNKNOWN', 'promote', 'hello@9.9.9');
    await expectError('INPUT_INVALID', 'publish', join(cwd, 'first.sqfs'), '--minimum-system', 'new');
  });

  it('is refused by the server with a key that is not the release key', async () => {
    await rename(join(cwd, 'keys/targets.pem'), join(cwd, 'keys/kept.pem'));
    await writeFile(join(cwd, 'keys/targets.pem'), await readFile(join(cwd, 'keys/root.pem')));
    await expectError('SIGNATURE_INVALID', 'publish', join(cwd, 'second.sqfs'));
    await rename(join(cwd, 'keys/kept.pem'), join(cwd, 'keys/targets.pem'));
  });

  it('deploys what is published, to devices that exist', async () => {
    await expectError('RELEASE_UNKNOWN', 'deploy', 'hello@9.9.9', '--tag', 'kiosk');
    await expectError('NOT_FOUND', 'deploy', 'hello@1.0.0', '--device', 'nobody');
    await expectError('INPUT_INVALID', 'deploy', 'hello@1.0.0');
    assert.match((await run('deploy', 'hello@1.0.0', '--tag', 'kiosk')).stdout, /^Deployment \S+ of apps\/hello/);
  });

  it('names groups, tries a rollout out, and steers it', async () => {
    assert.match(
      (await run('groups', 'set', 'shops', '--query', 'tag:shop', '--window', '02:00-04:00')).stdout,
      /has 0 device/,
    );
    assert.match((await run('groups', 'list')).stdout, /^shops +0 +tag:shop +0 +02:00-04:00$/m);
    assert.match(await expectError('QUERY_INVALID', 'groups', 'set', 'shops', '--query', 'tag:shop and'), /column 13/);
    await expectError('INPUT_INVALID', 'deploy', 'hello@1.0.0', '--group', 'shops', '--wave', 'half');
    const words = [
      'deploy',
      'hello@1.0.0',
      '--group',
      'shops',
      '--canary',
      '5',
      '--wave',
      '50%',
      '--approval',
      'start',
    ];
    assert.match((await run(...words, '--dry-run')).stdout, /would go to 0 device.*Nothing was changed/);
    assert.match((await run(...words)).stdout, /waits for approval\.$/m);
    const [made] = JSON.parse((await run('deployments', 'list', '--json')).stdout);
    assert.deepEqual([made.state, made.waves.length, made.rollout.maxFailurePercent], ['awaiting-approval', 3, 10]);
    assert.match((await run('deployments', 'approve', made.id)).stdout, /goes on/);
    await expectError('CONFLICT', 'deployments', 'approve', made.id);
    assert.equal((await run('deployments', 'pause', made.id)).code, 0);
    assert.match((await run('deployments', 'show', made.id)).stdout, /to group shops: paused/);
    assert.equal((await run('deployments', 'resume', made.id)).code, 0);
    await expectError('CONFLICT', 'groups', 'remove', 'shops');
    assert.match((await run('deployments', 'abort', made.id)).stdout, /is aborted/);
    assert.match((await run('groups', 'remove', 'shops')).stdout, /is removed/);
    assert.equal((await run('devices', 'list', '--query', 'tag:shop')).stdout, 'No devices yet.\n');
  });

  it('makes and lists claim tokens', async () => {
    const { stdout } = await run('claim-token', 'create', '--uses', '2', '--tag', 'kiosk', '--auto-approve');
    const token = stdout.trim();
    const list = JSON.parse((await run('claim-token', 'list', '--json')).stdout);
    const made = list.find((item: { token: string }) => item.token === token);
    assert.deepEqual([made.uses, made.tags, made.autoApprove, made.expiresAt], [2, ['kiosk'], true, null]);
    await expectError('INPUT_INVALID', 'claim-token', 'create', '--uses', '0');
  });

  it('writes a fleet file that fits its schema, for its owner only', async () => {
    const { code, stderr } = await run('fleet-file', 'create', '--out', 'fleet.json', '--hostname', 'kiosk');
    assert.equal(code, 0, stderr);
    const fleet = parseJson(fleetFileSchema, await readFile(join(cwd, 'fleet.json'), 'utf8'), 'fleet.json');
    assert.deepEqual([fleet.hostname, fleet.development], ['kiosk', undefined]);
    assert.equal((await run('fleet-file', 'create', '--out', 'desk.json', '--development')).code, 0);
    assert.equal(JSON.parse(await readFile(join(cwd, 'desk.json'), 'utf8')).development, true);
    assert.equal((await stat(join(cwd, 'fleet.json'))).mode & 0o777, 0o600);
    await expectError('INPUT_INVALID', 'fleet-file', 'create', '--device-url', 'http://plain:80');
  });

  it('lets a device in, marks it, restarts it and shuts it out', async () => {
    const token = (await run('claim-token', 'create')).stdout.trim();
    assert.equal((await run('fleet-file', 'create', '--claim-token', token, '--out', 'waiting.json')).code, 0);
    const fleet = parseJson(fleetFileSchema, await readFile(join(cwd, 'waiting.json'), 'utf8'), 'waiting.json');
    const csr = await makeRequest(await makeDeviceKey());
    const about = { serial: 'waiting', board: 'x86_64-usb', systemVersion: '1.0.0' };
    assert.equal((await enrol(fleet, { csr, claimToken: token, ...about })).state, 'pending');
    const state = async (): Promise<string> =>
      JSON.parse((await run('devices', 'show', 'waiting', '--json')).stdout).state;
    assert.equal(await state(), 'pending');
    for (const argv of [
      ['approve', 'waiting'],
      ['tag', 'waiting', 'kiosk'],
    ]) {
      const { code, stderr } = await run('devices', ...argv);
      assert.equal(code, 0, `${argv[0]}: ${stderr}`);
    }
    await expectError('DEVICE_OFFLINE', 'devices', 'reboot', 'waiting');
    await expectError('DEVICE_OFFLINE', 'devices', 'identify', 'waiting');
    await expectError('INPUT_INVALID', 'devices', 'identify', 'waiting', '--seconds', '301');
    assert.equal(await state(), 'active');
    assert.equal((await enrol(fleet, { csr, claimToken: token, ...about })).state, 'approved');
    assert.equal((await run('devices', 'revoke', 'waiting')).code, 0);
    assert.equal(await state(), 'revoked');
  });

  it('finds a device among many, and sees how it gets on', async () => {
    const end = new AbortController();
    const told: string[] = [];
    const argv = ['simulate', '--devices', '2', '--seed', 'cli'];
    const simulation = runForTest(argv, { cwd, signal: end.signal, onOutput: (text) => void told.push(text) });
    const said = (what: RegExp) => until(`the line ${what}`, () => what.test(told.join('')));
    try {
      await said(/^2 online/m);
      const { stdout, stderr } = await run('devices', 'identify', 'SIM-cli-1', '--seconds', '7');
      assert.match(stdout, /^[0-9a-f]+ identifies itself for 7 s\.\n$/, stderr);
      await said(/^SIM-cli-1 identifies itself for 7 s$/m);
      assert.doesNotMatch(told.join(''), /SIM-cli-0 identifies/);
      const shown = (await run('devices', 'show', 'SIM-cli-1')).stdout;
      assert.match(shown, /^load +[\d.]+ [\d.]+ [\d.]+ on 4 processor\(s\)$/m);
      assert.match(shown, /^hottest +[\d.]+ °C\nevent loop late by [\d.]+ ms/m);
    } finally {
      end.abort();
    }
    assert.equal((await simulation).code, 0);
  });

  it('does the same to all devices that fit, once it is told to', async () => {
    const token = (await run('claim-token', 'create')).stdout.trim();
    assert.equal((await run('fleet-file', 'create', '--claim-token', token, '--out', 'many.json')).code, 0);
    const fleet = parseJson(fleetFileSchema, await readFile(join(cwd, 'many.json'), 'utf8'), 'many.json');
    for (const serial of ['many-1', 'many-2']) {
      const csr = await makeRequest(await makeDeviceKey());
      await enrol(fleet, { csr, claimToken: token, serial, board: 'x86_64-usb', systemVersion: '1.0.0' });
    }
    const act = async (...argv: string[]) => (await run('devices', 'act', ...argv)).stdout;
    const active = async () =>
      JSON.parse((await run('devices', 'list', '--search', 'many-', '--state', 'active', '--json')).stdout).length;
    assert.match(
      await act('approve', '--search', 'many-'),
      /^2 would be meant: many-1, many-2\. Nothing is done without --yes\.\n$/,
    );
    assert.equal(await active(), 0);
    assert.equal(await act('approve', '--search', 'many-', '--yes'), 'approve: done for 2 of 2.\n');
    assert.equal(await active(), 2);
    assert.equal(await act('add-tag', 'berlin', '--search', 'many-2', '--yes'), 'add-tag: done for 1 of 1.\n');
    assert.match((await run('devices', 'list', '--tag', 'berlin')).stdout, /many-2/);
    assert.equal(await act('revoke', '--query', 'tag:nowhere', '--yes'), 'No device fits.\n');
    const offline = await run('devices', 'act', 'reboot', '--status', 'offline', '--search', 'many-', '--yes');
    assert.equal(offline.code, 1);
    assert.match(offline.stdout, /^reboot: done for 0 of 2\.\n(?:[0-9a-f]+ {2}DEVICE_OFFLINE: .*\n){2}$/);
    assert.match(offline.stderr, /^error DEVICES_FAILED: 2 of 2 devices could not/);
    await expectError('INPUT_INVALID', 'devices', 'act', 'reboot', '--yes');
    await expectError('INPUT_INVALID', 'devices', 'act', 'add-tag', '--tag', 'berlin');
    await expectError('INPUT_INVALID', 'devices', 'act', 'eject', '--tag', 'berlin');
    assert.equal(await act('revoke', '--search', 'many-', '--yes'), 'revoke: done for 2 of 2.\n');
  });

  it('sets what apps are configured with, for all, a group or a device', async () => {
    assert.equal((await run('config', 'list')).stdout, 'Nothing is set.\n');
    const set = await run('config', 'set', 'sign', 'text=Good day', 'size=3', 'on=true', 'hours=["18:00"]');
    assert.equal(set.stdout, 'sign has 4 value(s) for the fleet.\n', set.stderr);
    await run('groups', 'set', 'signs', '--query', 'tag:sign');
    assert.equal((await run('config', 'set', 'sign', 'a=b=c', '--group', 'signs')).code, 0);
    assert.match((await run('config', 'unset', 'sign', 'on', 'hours')).stdout, /^sign has 2 value/);
    const { stdout } = await run('config', 'list', '--json');
    assert.deepEqual(
      JSON.parse(stdout).map(({ to, values }: { to: object; values: object }) => [to, values]),
      [
        [{ fleet: true }, { text: 'Good day', size: 3 }],
        [{ group: 'signs' }, { a: 'b=c' }],
      ],
    );
    assert.match((await run('config', 'list')).stdout, /^sign +group signs +a +"b=c"$/m);
    await expectError('INPUT_INVALID', 'config', 'set', 'sign', 'text');
    await expectError('INPUT_INVALID', 'config', 'set', 'sign', 'a=1', '--group', 'signs', '--device', 'x');
    await expectError('NOT_FOUND', 'config', 'set', 'sign', 'a=1', '--group', 'none');
  });

  it('says which options choose another port where one is in use', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const port = String((holder.address() as AddressInfo).port);
    try {
      const argv = ['server', '--no-dashboard', '--no-save', '--data', 'other', '--port', port];
      const stderr = await expectError('PORT_IN_USE', ...argv, '--device-port', '0', '--mqtt-port', '0');
      assert.match(stderr, /--port/);
    } finally {
      holder.close();
    }
  });

  it('says that no server is there', async () => {
    await expectError('SERVER_UNREACHABLE', 'devices', 'list', '--server', 'http://127.0.0.1:1', '--token', 't');
  });
});
