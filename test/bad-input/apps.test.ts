import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ErrorCode } from '@nodeos/contracts/errors.ts';
import { nodeos } from '../support/command.ts';
import { assertRefused } from '../support/refusal.ts';
import { testFolder } from '../support/test-files.ts';

const folder = testFolder('apps');

const good = { name: 'shop', version: '1.0.0', scripts: { start: 'node main.js' } };
const CASES: readonly { name: string; manifest: unknown; code: ErrorCode; says: RegExp }[] = [
  { name: 'no start script', manifest: { ...good, scripts: {} }, code: 'APP_NO_START', says: /start/ },
  {
    name: 'a version that is not semver',
    manifest: { ...good, version: '1.0' },
    code: 'VERSION_INVALID',
    says: /1\.0/,
  },
  { name: 'a name that is none', manifest: { ...good, name: 'Shop App' }, code: 'APP_NAME_INVALID', says: /Shop App/ },
  {
    name: 'a port that is none',
    manifest: { ...good, nodeos: { ports: [70_000] } },
    code: 'INPUT_INVALID',
    says: /ports/,
  },
  {
    name: 'a setting that does not exist',
    manifest: { ...good, nodeos: { prots: [80] } },
    code: 'INPUT_INVALID',
    says: /prots/,
  },
  {
    name: 'a start file that is missing',
    manifest: { ...good, scripts: { start: 'node gone.js' } },
    code: 'APP_NO_START',
    says: /gone\.js/,
  },
];

for (const { name, manifest, code, says } of CASES) {
  test(`an app with ${name} is refused with ${code}, and no bundle is written`, async () => {
    const app = mkdtempSync(join(folder, 'app-'));
    writeFileSync(join(app, 'package.json'), JSON.stringify(manifest));
    writeFileSync(join(app, 'main.js'), '');
    const out = mkdtempSync(join(folder, 'out-'));
    const result = await nodeos(['bundle', app, '--out', join(out, 'app.sqfs')]);
    assertRefused(result, code, says);
    assert.deepEqual(readdirSync(out), []);
  });
}

test('a package.json that is no JSON is refused by its path', async () => {
  const app = join(folder, 'broken');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{');
  assertRefused(await nodeos(['bundle', app]), 'INPUT_INVALID', /broken\/package\.json/);
});
