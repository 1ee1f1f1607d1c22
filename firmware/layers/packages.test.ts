import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { lutimes, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { lastChange } from './packages.ts';

test('a package is as new as its changelog, or as the link to that of a package that is not there', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'nodeos-packages-'));
  t.after(() => rmSync(root, { recursive: true }));
  const documents = join(root, 'usr/share/doc');
  for (const name of ['own', 'none']) mkdirSync(join(documents, name), { recursive: true });
  const entry = ' -- Somebody <somebody@example.org>  Thu, 30 Apr 2026 19:02:00 +0000\n';
  writeFileSync(join(documents, 'own', 'changelog.Debian.gz'), gzipSync(entry));
  await symlink('elsewhere', join(documents, 'linked'));
  await lutimes(join(documents, 'linked'), 1_700_000_000, 1_700_000_000);
  assert.equal(await lastChange(root, 'own'), Date.UTC(2026, 3, 30, 19, 2) / 1000);
  assert.equal(await lastChange(root, 'linked'), 1_700_000_000);
  await assert.rejects(
    lastChange(root, 'none'),
    (error) => isNodeosError(error) && error.code === 'SOURCE_MISMATCH' && /no dated changelog/.test(error.message),
  );
});
