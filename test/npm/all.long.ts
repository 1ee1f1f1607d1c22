import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { compatibilityPage } from './compatibility-page.ts';
import { testOnOneDevice } from './on-one-device.ts';
import { PACKAGES } from './packages.ts';

test('at least forty packages are tried, ten of them always', () => {
  assert.ok(PACKAGES.length >= 40);
  assert.equal(PACKAGES.filter(({ always }) => always).length, 10);
});

testOnOneDevice('all packages are bundled and used on a device', PACKAGES, {
  async finish(verdicts) {
    const page = compatibilityPage(verdicts);
    process.stdout.write(page);
    await writeFile(new URL('../../docs/npm-compatibility.md', import.meta.url), page);
  },
});
