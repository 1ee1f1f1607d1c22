import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runForTest, temporaryFolder } from '../cli.testing.ts';

describe('nodeos new', () => {
  it('makes an app that has the name of its folder', async (test) => {
    const cwd = await temporaryFolder(test);
    const { code, stdout } = await runForTest(['new', 'my-kiosk'], { cwd });
    assert.equal(code, 0);
    assert.match(stdout, /cd my-kiosk/);
    assert.equal(JSON.parse(await readFile(join(cwd, 'my-kiosk/package.json'), 'utf8')).name, 'my-kiosk');
    assert.deepEqual((await readdir(join(cwd, 'my-kiosk'))).sort(), [
      '.gitignore',
      'README.md',
      'package.json',
      'server.js',
    ]);
    assert.deepEqual(await readdir(cwd), ['my-kiosk']);
  });

  for (const [name, argv, code] of [
    ['a name that is none for an app', ['new', 'My Kiosk'], 'APP_NAME_INVALID'],
    ['an unknown template', ['new', 'kiosk', '--template', 'nope'], 'NOT_FOUND'],
    ['a template outside of the folder', ['new', 'kiosk', '--template', '../verbs'], 'NOT_FOUND'],
    ['a folder that is not empty', ['new', 'full'], 'INPUT_INVALID'],
  ] as const) {
    it(`refuses ${name} and leaves nothing behind`, async (test) => {
      const cwd = await temporaryFolder(test);
      await mkdir(join(cwd, 'full'));
      await writeFile(join(cwd, 'full/file'), '');
      const result = await runForTest(argv, { cwd });
      assert.equal(result.code, 1);
      assert.match(result.stderr, new RegExp(`^error ${code}: `));
      assert.deepEqual(await readdir(cwd), ['full']);
    });
  }
});
