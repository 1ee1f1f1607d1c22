import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  checkDevelopedFiles,
  DEVELOPMENT_LIMITS,
  type DevelopedFile,
  isPathBelow,
  toDeviceSchema,
} from './development.ts';
import { isNodeosError } from './errors.ts';
import { parseJson } from './validate.ts';

const file = (path: string, bytes = 1): DevelopedFile => ({ path, sha256: 'a'.repeat(64), bytes });
const hostileName = fc.constantFrom('..', '.', '', 'a', 'node_modules', '...', '..a', '\0', 'a\\..\\b', '\ud800', 'ä');
const hostilePath = fc.oneof(
  fc.array(hostileName, { maxLength: 6 }).map((names) => names.join('/')),
  fc.string(),
);

describe('the list of a development session', () => {
  it('takes paths below the app, and no other', () => {
    for (const path of ['a', 'src/main.js', 'node_modules/@a/b/.c', '...', 'ä/ö'])
      assert.equal(isPathBelow(path), true, path);
    for (const path of [
      '',
      '/',
      '/etc/passwd',
      '..',
      '../a',
      'a/../b',
      'a/./b',
      'a//b',
      'a/',
      '.',
      'a\\b',
      'a\0',
      '\ud800',
    ])
      assert.equal(isPathBelow(path), false, JSON.stringify(path));
    assert.equal(isPathBelow('a'.repeat(DEVELOPMENT_LIMITS.nameMaxBytes + 1)), false);
    assert.equal(isPathBelow('ä/'.repeat(DEVELOPMENT_LIMITS.pathMaxBytes / 2).concat('a')), false);
  });

  it('lets no path lead out, whatever it is made of', () => {
    fc.assert(
      fc.property(hostilePath, (path) => {
        if (!isPathBelow(path)) return;
        const whole = posix.resolve('/run/session/app', path);
        assert.equal(whole, `/run/session/app/${path}`);
        assert.ok(!path.includes('\0') && path.isWellFormed());
      }),
      { numRuns: 5_000 },
    );
  });

  it('answers any message with a coded error or a message that fits', () => {
    const anyMessage = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({ kind: fc.constantFrom('list', 'piece', 'start', 'renew'), files: fc.anything(), data: fc.anything() })
        .map((value) => JSON.stringify(value)),
      fc
        .record({ path: hostilePath, bytes: fc.integer() })
        .map(({ path, bytes }) =>
          JSON.stringify({ kind: 'list', first: true, last: true, files: [{ path, bytes, sha256: 'b'.repeat(64) }] }),
        ),
    );
    fc.assert(
      fc.property(anyMessage, (text) => {
        try {
          const message = parseJson(toDeviceSchema, text, 'message');
          if (message.kind === 'list') for (const { path } of message.files) assert.ok(isPathBelow(path));
        } catch (error) {
          assert.ok(isNodeosError(error) && error.code === 'INPUT_INVALID', String(error));
        }
      }),
      { numRuns: 5_000 },
    );
  });

  it('refuses what no single entry shows', () => {
    checkDevelopedFiles([file('a/b'), file('a/c'), file('ab')], 3);
    const code = (files: DevelopedFile[], maxBytes = 100): string => {
      try {
        checkDevelopedFiles(files, maxBytes);
      } catch (error) {
        return isNodeosError(error) ? error.code : String(error);
      }
      return 'none';
    };
    assert.equal(code([file('a'), file('a')]), 'INPUT_INVALID');
    assert.equal(code([file('a/b/c'), file('a/b')]), 'INPUT_INVALID');
    assert.equal(code([file('a', 60), file('b', 60)]), 'PAYLOAD_TOO_LARGE');
    const many = Array.from({ length: DEVELOPMENT_LIMITS.filesMax + 1 }, (_, at) => file(`f${at}`, 0));
    assert.equal(code(many), 'PAYLOAD_TOO_LARGE');
  });
});
