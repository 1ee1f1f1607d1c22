import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { formatAgo, formatBytes, formatTable, progressPrinter } from './output.ts';

describe('formatTable', () => {
  it('aligns the columns and leaves no blanks at the end', () => {
    const rows = [
      ['a', '1'],
      ['long-name', ''],
    ];
    assert.equal(formatTable(['NAME', 'N'], rows), 'NAME       N\na          1\nlong-name');
  });
});

describe('formatBytes and formatAgo', () => {
  it('round for people', () => {
    assert.deepEqual([999, 1000, 57_344, 999_499, 36_000_000].map(formatBytes), [
      '999 B',
      '1.0 kB',
      '57 kB',
      '999 kB',
      '36 MB',
    ]);
    assert.equal(formatAgo(null), 'never');
    assert.equal(formatAgo(1_000, 61_000), '60 s ago');
    assert.equal(formatAgo(0, 3 * 86_400_000), '3 d ago');
  });
});

describe('progressPrinter', () => {
  const record = (isTTY: boolean) => {
    let text = '';
    const stderr = Object.assign(
      new Writable({
        write(chunk, _encoding, done) {
          text += chunk;
          done();
        },
      }),
      { isTTY, columns: 40 },
    );
    const io = { stdout: stderr, stderr, signal: new AbortController().signal, env: {}, cwd: '/' };
    return { ...progressPrinter(io), text: () => text };
  };

  it('prints plain lines, each message once, where there is no terminal', () => {
    const { show, end, text } = record(false);
    for (const percent of [0, 50, 100]) show({ step: 'kernel', message: 'compiling', percent });
    show({ step: 'rootfs', message: 'writing' });
    end();
    assert.equal(text(), 'kernel: compiling\nrootfs: writing\n');
  });

  it('writes over the line within a step on a terminal, no wider than it', () => {
    const { show, end, text } = record(true);
    show({ step: 'kernel', message: 'compiling', percent: 50 });
    show({ step: 'kernel', message: 'x'.repeat(80) });
    show({ step: 'rootfs', message: 'writing' });
    end();
    assert.equal(
      text(),
      `\r\x1b[2Kkernel: compiling 50 %\r\x1b[2K${`kernel: ${'x'.repeat(80)}`.slice(0, 39)}\n\r\x1b[2Krootfs: writing\n`,
    );
  });
});
