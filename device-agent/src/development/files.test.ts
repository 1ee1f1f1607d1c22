import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type DevelopedFile, toDeviceMessagesSchema } from '@nodeos/contracts/development.ts';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { parseJson } from '@nodeos/contracts/validate.ts';
import fc from 'fast-check';
import { DevelopmentFiles } from './files.ts';

async function open(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-development-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return { folder, files: new DevelopmentFiles(join(folder, 'session'), null) };
}
const entry = (path: string, text: string): DevelopedFile => ({
  path,
  sha256: createHash('sha256').update(text).digest('hex'),
  bytes: Buffer.byteLength(text),
});
const WHOLE = { gone: [], first: true, last: true };
const MAX = 1_000_000;

test('only what is missing is sent, and each start has a home of its own', async (t) => {
  const { folder, files } = await open(t);
  const [main, same, empty] = [entry('src/main.js', 'one'), entry('copy.js', 'one'), entry('empty', '')];
  assert.equal(files.list([main], { ...WHOLE, last: false }, MAX), null);
  assert.deepEqual(files.list([same, empty], { ...WHOLE, first: false }, MAX), [main.sha256, empty.sha256]);
  await assert.rejects(files.place(), { code: 'INPUT_INVALID', message: /2 of 3 files/ });
  await files.take(main.sha256, Buffer.from('o'));
  await files.take(main.sha256, Buffer.from('ne'));
  await files.take(empty.sha256, Buffer.alloc(0));
  const { home: first } = await files.place();
  assert.equal(await readFile(join(first, 'app/src/main.js'), 'utf8'), 'one');
  assert.equal(await readFile(join(first, 'app/copy.js'), 'utf8'), 'one');
  assert.equal((await stat(join(first, 'app/empty'))).size, 0);

  const next = entry('src/main.js', 'two');
  assert.deepEqual(files.list([next, same], WHOLE, MAX), [next.sha256]);
  await files.take(next.sha256, Buffer.from('two'));
  const { home: second } = await files.place();
  assert.notEqual(second, first);
  assert.equal(await readFile(join(second, 'app/src/main.js'), 'utf8'), 'two');
  assert.equal(await readFile(join(first, 'app/src/main.js'), 'utf8'), 'one', 'the one that runs is not touched');
  await files.tidy([second]);
  assert.equal((await readdir(join(folder, 'session/homes'))).length, 1);
  assert.deepEqual((await readdir(join(folder, 'session/contents'))).sort(), [same.sha256, next.sha256].sort());
  assert.deepEqual(files.list([main, empty], WHOLE, MAX), [empty.sha256], 'what was cleared away is missing again');
  await files.clear();
  assert.deepEqual(await readdir(folder), []);
});

test('a list that is not the first changes the one before', async (t) => {
  const { files } = await open(t);
  const [one, two] = [entry('one.js', '1'), entry('src/two.js', '2')];
  files.list([one, two], WHOLE, MAX);
  await files.take(one.sha256, Buffer.from('1'));
  await files.take(two.sha256, Buffer.from('2'));
  const edited = entry('one.js', 'edited');
  const change = { ...WHOLE, first: false };
  assert.deepEqual(files.list([edited], { ...change, gone: ['src/two.js', 'never there'] }, MAX), [edited.sha256]);
  await files.take(one.sha256, Buffer.from('1'));
  await files.take(edited.sha256, Buffer.from('edited'));
  const app = join((await files.place()).home, 'app');
  assert.deepEqual(await readdir(app), ['one.js']);
  assert.equal(await readFile(join(app, 'one.js'), 'utf8'), 'edited');
  assert.throws(() => files.list([entry('one.js/below', '1')], change, MAX), { code: 'INPUT_INVALID' });
});

test('whatever paths a list has, files come to lie below the app of a new home, or nowhere', async (t) => {
  const { folder, files } = await open(t);
  const hostile = fc.constantFrom('..', '.', '');
  const name = fc.oneof({ weight: 4, arbitrary: fc.constantFrom('a', 'b', 'c') }, { weight: 1, arbitrary: hostile });
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
  const paths = fc.array(path, { minLength: 1, maxLength: 3 });
  const { sha256, bytes } = entry('', 'text');
  let placed = 0;
  await fc.assert(
    fc.asyncProperty(paths, fc.boolean(), async (listed, first) => {
      const list = { kind: 'list', files: listed.map((path) => ({ path, sha256, bytes })), ...WHOLE, first };
      try {
        const [message] = parseJson(toDeviceMessagesSchema, JSON.stringify([list]), 'the message');
        assert.ok(message?.kind === 'list');
        files.list(message.files, message, MAX);
        await files.take(sha256, Buffer.from('text'));
        await files.place();
        placed++;
      } catch (error) {
        assert.ok(isNodeosError(error) && error.code === 'INPUT_INVALID', String(error));
      }
      const found = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((one) => one.isFile());
      for (const { parentPath, name } of found)
        assert.match(
          relative(folder, join(parentPath, name)),
          /^session\/(contents\/[0-9a-f]{64}|homes\/\d+\/home\/app\/[abc/]+)$/,
        );
      await files.tidy([]);
    }),
    { numRuns: 150 },
  );
  assert.ok(placed > 10, `${placed} of 150 were placed`);
});

test('octets that are not those of the list, too many, or of no file of it, are refused', async (t) => {
  const { folder, files } = await open(t);
  const main = entry('main.js', 'right');
  files.list([main], WHOLE, MAX);
  await assert.rejects(files.take('0'.repeat(64), Buffer.from('x')), { code: 'INPUT_INVALID' });
  await assert.rejects(files.take(main.sha256, Buffer.from('wrong')), { code: 'HASH_MISMATCH' });
  await assert.rejects(files.take(main.sha256, Buffer.from('rightly')), { code: 'LENGTH_MISMATCH' });
  await assert.rejects(files.place(), { code: 'INPUT_INVALID' });
  await files.take(main.sha256, Buffer.from('right'));
  assert.equal(await readFile(join((await files.place()).home, 'app/main.js'), 'utf8'), 'right');
  assert.throws(() => files.list([entry('main.js', 'x'.repeat(9))], WHOLE, 8), { code: 'PAYLOAD_TOO_LARGE' });
  await assert.rejects(files.place(), { code: 'INPUT_INVALID' }, 'a list that was refused is none');
  assert.equal((await readdir(join(folder, 'session/contents'))).length, 1);
});
