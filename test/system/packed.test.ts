import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Built, build } from '../support/build.ts';
import { ROOT, runCommand } from '../support/command.ts';
import { sha256 } from '../support/file-hash.ts';

const folder = mkdtempSync(join(tmpdir(), 'nodeos-test-packed-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('the packed command, installed into an empty folder, builds the same image as the clone', async () => {
  const tarballs = join(folder, 'tarballs');
  mkdirSync(tarballs);
  const packed = await runCommand('npm', ['pack', '-w', 'cli', '--pack-destination', tarballs], { cwd: ROOT });
  assert.equal(packed.code, 0, packed.stderr);
  const [tarball] = readdirSync(tarballs);
  assert.match(tarball ?? '', /^nodeos-.*\.tgz$/);

  const project = join(folder, 'project');
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "kiosk", "private": true }');
  const installed = await runCommand('npm', ['install', '--no-audit', '--no-fund', join(tarballs, tarball as string)], {
    cwd: project,
  });
  assert.equal(installed.code, 0, installed.stderr);

  const result = await runCommand('npx', ['nodeos', 'build', '--json', '--out', 'build'], { cwd: project });
  assert.equal(result.code, 0, result.stderr);
  const fromPackage = JSON.parse(result.stdout) as Built;
  const fromClone = await build(['--out', join(folder, 'clone')]);
  for (const kind of ['image', 'slot'])
    assert.equal(await sha256(fromPackage.files[kind] as string), await sha256(fromClone.files[kind] as string), kind);
});
