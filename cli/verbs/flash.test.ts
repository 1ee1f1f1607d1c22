import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { FleetFile } from '@nodeos/contracts/fleet-file.ts';
import { fileDrive, MIB, testImage } from '@nodeos/firmware/flash/flash.testing.ts';
import { inspectImage } from '@nodeos/firmware/flash/image-source.ts';
import { receiptSchema } from '@nodeos/firmware/flash/receipt.ts';
import { runTool } from '@nodeos/firmware/run-tool.ts';
import { listen, runForTest, temporaryFolder } from '../cli.testing.ts';
import { runCli } from '../main.ts';

const PROGRAM = fileURLToPath(new URL('../bin/nodeos.js', import.meta.url));
const FLEET: FleetFile = {
  server: 'https://10.0.2.2:8443',
  broker: 'mqtts://10.0.2.2:8883',
  ca: '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n',
  claimToken: 'claim-token-of-the-test',
};

async function imageAndDrive(t: Parameters<typeof temporaryFolder>[0], driveMore = 2 * MIB) {
  const folder = await temporaryFolder(t);
  const image = await testImage(folder, 4);
  const drive = await fileDrive(join(folder, 'drive'), image.bytes + driveMore);
  return { folder, image, drive };
}

async function receiptsIn(folder: string) {
  const names = await readdir(folder).catch(() => []);
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.map((text) => receiptSchema.parse(JSON.parse(text)));
}

describe('nodeos flash', () => {
  it('writes, reads back, puts the fleet file there, and says the claim code', async (t) => {
    const { folder, image, drive } = await imageAndDrive(t);
    await writeFile(join(folder, 'fleet.json'), JSON.stringify(FLEET));
    const args = ['flash', 'disk.img', '--drive', 'drive', '--yes', '--fleet', 'fleet.json', '--hostname', 'hall'];
    const { code, stdout, stderr } = await runForTest([...args, '--receipts', 'receipts'], { cwd: folder });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^DONE .*drive.*all read back at/m);
    assert.match(stdout, /Claim code: claim-token-of-the-test/);
    assert.match(stderr, /reading back/);
    const found = await runTool('mtype', ['-i', `${drive.path}@@${MIB}`, '::/fleet.json']);
    assert.deepEqual(JSON.parse(found.stdout.toString()), { ...FLEET, hostname: 'hall' });
    const [receipt] = await receiptsIn(join(folder, 'receipts'));
    assert.equal(receipt?.verdict, 'done');
    const sha256 = createHash('sha256')
      .update(await readFile(image.path))
      .digest('hex');
    assert.equal(receipt?.image.sha256, sha256);
  });

  it('writes several drives at once, and prints JSON', async (t) => {
    const { folder, image } = await imageAndDrive(t);
    await fileDrive(join(folder, 'other'), image.bytes);
    const args = ['flash', 'disk.img', '--drive', 'drive', '--drive', 'other', '--yes', '--no-fleet', '--json'];
    const { code, stdout } = await runForTest(args, { cwd: folder });
    assert.equal(code, 0);
    const { receipts } = JSON.parse(stdout) as { receipts: { verdict: string }[] };
    assert.deepEqual(
      receipts.map(({ verdict }) => verdict),
      ['done', 'done'],
    );
  });

  it('refuses a drive that is too small, with no receipt and nothing written', async (t) => {
    const { folder, drive } = await imageAndDrive(t, -512);
    const before = await readFile(drive.path);
    const args = ['flash', 'disk.img', '--drive', 'drive', '--yes', '--no-fleet', '--receipts', 'receipts'];
    const { code, stderr } = await runForTest(args, { cwd: folder });
    assert.equal(code, 1);
    assert.match(stderr, /^error DRIVE_TOO_SMALL: /m);
    assert.ok(before.equals(await readFile(drive.path)));
    assert.deepEqual(await receiptsIn(join(folder, 'receipts')), []);
  });

  it('ends with an error and a failed receipt where the writing fails', async (t) => {
    const { folder } = await imageAndDrive(t);
    // What the kernel answers at the first write to such a "drive".
    await mkdir(join(folder, 'small'));
    const mounted = await runTool('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', join(folder, 'small')]).catch(
      () => null,
    );
    if (mounted === null) return t.skip('HOST_UNSUPPORTED: nothing can be mounted here');
    try {
      await runTool('truncate', ['--size', '100M', join(folder, 'small', 'drive')]);
      const args = ['flash', 'disk.img', '--drive', 'small/drive', '--yes', '--no-fleet', '--receipts', 'receipts'];
      const { code, stdout, stderr } = await runForTest(args, { cwd: folder });
      assert.equal(code, 1);
      assert.match(stdout, /^FAILED .*DRIVE_TOO_SMALL.* It is unusable until it is flashed again\.$/m);
      assert.doesNotMatch(stdout, /DONE|Claim code/);
      assert.match(stderr, /^error DRIVE_TOO_SMALL: /m);
      const [receipt] = await receiptsIn(join(folder, 'receipts'));
      assert.equal(receipt?.verdict, 'failed');
    } finally {
      await runTool('umount', [join(folder, 'small')]);
    }
  });

  it('leaves a failed receipt and says so where it is broken off', async (t) => {
    const { folder, drive } = await imageAndDrive(t);
    const end = new AbortController();
    const args = ['flash', 'disk.img', '--drive', 'drive', '--yes', '--no-fleet', '--receipts', 'receipts'];
    const { code, stdout } = await runForTest(args, {
      ...{ cwd: folder, signal: end.signal },
      onOutput: (text) => /reading back/.test(text) && end.abort(),
    });
    assert.equal(code, 130);
    assert.match(stdout, /^FAILED .*INTERRUPTED.* It is unusable until it is flashed again\.$/m);
    const [receipt] = await receiptsIn(join(folder, 'receipts'));
    assert.equal(receipt?.error?.code, 'INTERRUPTED');
    assert.notEqual((await readFile(drive.path)).readUInt16LE(510), 0xaa55);
  });

  for (const [title, args, message] of [
    ['nothing to write', ['--yes', '--drive', 'drive'], /nothing to write is named/],
    ['an image and a board', ['disk.img', '--board', 'x86_64-usb', '--drive', 'drive'], /takes none of the options/],
    ['consent without a drive', ['disk.img', '--yes'], /nobody chose/],
    ['nobody to choose', ['disk.img', '--no-fleet'], /nobody is here to choose/],
    ['nobody to consent', ['disk.img', '--no-fleet', '--drive', 'drive'], /nobody is here to say/],
    ['a hash that is none', ['disk.img', '--drive', 'drive', '--sha256', 'abc'], /--sha256/],
  ] as const)
    it(`refuses ${title}`, async (t) => {
      const { folder } = await imageAndDrive(t);
      const { code, stderr } = await runForTest(['flash', ...args], { cwd: folder });
      assert.equal(code, 1);
      assert.match(stderr, /^error INPUT_INVALID: /m);
      assert.match(stderr, message);
    });

  it('compares the image with the hash beside it', async (t) => {
    const { folder, drive } = await imageAndDrive(t);
    const before = await readFile(drive.path);
    await writeFile(join(folder, 'disk.img.sha256'), `${'0'.repeat(64)}  disk.img\n`);
    const { code, stderr } = await runForTest(['flash', 'disk.img', '--drive', 'drive', '--yes', '--no-fleet'], {
      cwd: folder,
    });
    assert.equal(code, 1);
    assert.match(stderr, /^error HASH_MISMATCH: /m);
    assert.ok(before.equals(await readFile(drive.path)));
  });

  it('fetches an image, and refuses one without a hash over http, or with another one', async (t) => {
    const { folder, image, drive } = await imageAndDrive(t);
    const bytes = await readFile(image.path);
    const url = await listen(t, (request, response) => {
      if (request.url?.endsWith('/disk.img')) response.end(bytes);
      else response.writeHead(404).end();
    });
    const flash = (...more: string[]) =>
      runForTest(['flash', `${url}/disk.img`, '--drive', 'drive', '--yes', '--no-fleet', ...more], { cwd: folder });
    assert.match((await flash()).stderr, /^error INPUT_INVALID: .*not https/m);
    assert.match((await flash('--sha256', '0'.repeat(64))).stderr, /^error HASH_MISMATCH: /m);
    const { code, stderr } = await flash('--sha256', createHash('sha256').update(bytes).digest('hex'));
    assert.equal(code, 0, stderr);
    assert.ok(bytes.equals((await readFile(drive.path)).subarray(0, bytes.length)));
  });

  it('asks once at a terminal, and leaves the drive alone unless the answer is yes', async (t) => {
    const { folder, drive } = await imageAndDrive(t);
    const before = await readFile(drive.path);
    for (const [answer, expected] of [
      ['\n', 130],
      ['y\n', 0],
    ] as const) {
      const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
      let asked = 0;
      const stderr = new Writable({
        write(chunk, _encoding, done) {
          if (/Erase all that is on it .*\[y\/N\]/.test(String(chunk)) && asked++ === 0) stdin.write(answer);
          done();
        },
      });
      const stdout = new PassThrough();
      const signal = new AbortController().signal;
      const env = { PATH: process.env.PATH, HOME: folder };
      const args = ['flash', 'disk.img', '--drive', 'drive', '--no-fleet'];
      assert.equal(await runCli(args, { stdin, stdout, stderr, signal, env, cwd: folder }), expected);
      assert.equal(asked, 1);
      assert.equal(before.equals(await readFile(drive.path)), expected !== 0);
    }
  });

  it('asks through sudo only for the writing, and says why', async (t) => {
    if (process.getuid?.() !== 0) return t.skip('HOST_UNSUPPORTED: another user can only be played by root');
    const { folder, drive } = await imageAndDrive(t);
    // Stands in for sudo: it says what it was asked for, and refuses.
    const sudo = join(folder, 'sudo');
    await writeFile(sudo, '#!/bin/sh\necho "asked: $*" >&2\nexit 1\n');
    await chmod(sudo, 0o755);
    await chmod(folder, 0o777);
    await chmod(drive.path, 0o600);
    const nobody = 65_534;
    const run = (path: string) =>
      runAs(nobody, [PROGRAM, 'flash', 'disk.img', '--drive', 'drive', '--yes', '--no-fleet'], folder, path);
    const refused = await run(`${folder}:${process.env.PATH}`);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /Writing to .*drive needs a right that you do not have: sudo asks for it/);
    assert.match(refused.stderr, /asked: .* flash-writer$/m);
    assert.match(refused.stderr, /^error PRIVILEGE_MISSING: /m);
    const none = await run('/nonexistent');
    assert.match(none.stderr, /^error (PRIVILEGE_MISSING|TOOL_MISSING): /m);
    // With the drive his own, nothing is asked for.
    await chmod(drive.path, 0o666);
    const own = await run(`${folder}:${process.env.PATH}`);
    assert.equal(own.code, 0, own.stderr);
    assert.doesNotMatch(own.stderr, /asked:/);
  });
});

describe('nodeos flash-writer', () => {
  it('does a job from its input, and breaks it off when the input ends', async (t) => {
    const { folder, image, drive } = await imageAndDrive(t);
    const facts = await inspectImage(image.path, null, new AbortController().signal);
    const job = { image: facts, drives: [{ ...drive, serial: null, name: 'drive', removable: false }] };
    const input = `${JSON.stringify({ ...job, fleetText: null, internal: false })}\n`;
    for (const [goesOn, verdict] of [
      [true, 'done'],
      [false, 'failed'],
    ] as const) {
      const child = spawn(process.execPath, [PROGRAM, 'flash-writer'], {
        cwd: folder,
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      child.stdin.write(input);
      if (!goesOn) child.stdin.end();
      let out = '';
      for await (const chunk of child.stdout) out += chunk;
      const last = JSON.parse(out.trim().split('\n').at(-1) as string);
      // Broken off before the first write it has no receipt to give.
      assert.equal(last.receipts?.[0].verdict ?? 'failed', verdict, out);
    }
  });

  it('does not write to a drive that was exchanged after it was chosen', async (t) => {
    const { folder, image, drive } = await imageAndDrive(t);
    const before = await readFile(drive.path);
    const facts = await inspectImage(image.path, null, new AbortController().signal);
    const other = { ...drive, serial: null, bytes: drive.bytes + 512 };
    const child = spawn(process.execPath, [PROGRAM, 'flash-writer'], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.write(`${JSON.stringify({ image: facts, drives: [other], fleetText: null, internal: false })}\n`);
    let out = '';
    for await (const chunk of child.stdout) out += chunk;
    assert.equal(JSON.parse(out).error.code, 'DRIVE_GONE');
    assert.ok(before.equals(await readFile(drive.path)));
  });
});

function runAs(
  uid: number,
  args: readonly string[],
  cwd: string,
  path: string,
): Promise<{ code: number | null; stderr: string }> {
  const env = { PATH: path, HOME: cwd };
  const child = spawn(process.execPath, args, { uid, gid: uid, cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stderr })));
}
