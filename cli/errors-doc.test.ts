import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { ERROR_HINTS } from '@nodeos/contracts/errors.ts';

const page = await readFile(new URL('../docs/errors.md', import.meta.url), 'utf8');
const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| (.+?) \| (.+?) \| (.+) \|$/gm)];

describe('docs/errors.md', () => {
  it('lists each code of the catalogue once, in its order, and no other', () => {
    assert.deepEqual(
      rows.map((row) => row[1]),
      Object.keys(ERROR_HINTS),
    );
  });

  for (const [, code, where, what, next] of rows) {
    it(`says where, what and the next step of ${code}`, () => {
      assert.ok(where && what);
      assert.equal(next, ERROR_HINTS[code as keyof typeof ERROR_HINTS]);
    });
  }
});
