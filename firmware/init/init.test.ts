import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runTool } from '../run-tool.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const flags =
  '-std=c11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all';

/** What is tested, and the sources under test; each binary holds the cases of one `*.test.c`. */
const suites = [
  { of: 'init', tests: /^(?!options)/, sources: ['pid1', 'kernel/loop.c', 'test/fake'] },
  { of: 'launcher', tests: /^options/, sources: ['launcher/options.c', 'launcher/uevent.c'] },
];

async function sourcesIn(path: string): Promise<string[]> {
  if (path.endsWith('.c')) return [join(here, path)];
  const names = await readdir(join(here, path));
  return names.filter((name) => name.endsWith('.c')).map((name) => join(here, path, name));
}

/** Lines of a TAP stream, one entry a case, with the `#` lines that came before its result. */
function casesOf(output: string): { name: string; ok: boolean; notes: string }[] {
  const cases: { name: string; ok: boolean; notes: string }[] = [];
  let notes: string[] = [];
  for (const line of output.split('\n')) {
    const result = /^(ok|not ok) \d+ - (.*)$/.exec(line);
    if (result) {
      cases.push({ name: result[2] ?? '', ok: result[1] === 'ok', notes: notes.join('\n') });
      notes = [];
    } else if (line !== '' && !/^1\.\.\d+$/.test(line)) notes.push(line);
  }
  return cases;
}

describe('C of init and launcher, syscalls faked', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nodeos-c-test-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const compile = (args: readonly string[]) => runTool('gcc', [...flags.split(' '), ...args], { cwd: folder });

  for (const suite of suites) {
    it(`${suite.of} passes its cases`, async (t) => {
      const sources = [join(here, 'test/tap.c'), ...(await Promise.all(suite.sources.map(sourcesIn))).flat()];
      const objects = await Promise.all(
        sources.map(async (source) => {
          const object = join(folder, `${suite.of}-${basename(source, '.c')}.o`);
          const rename = source.endsWith('pid1/main.c') ? ['-Dmain=boot_main'] : [];
          await compile([...rename, '-c', source, '-o', object]);
          return object;
        }),
      );
      const tests = (await readdir(join(here, 'test'))).filter(
        (name) => name.endsWith('.test.c') && suite.tests.test(name),
      );
      assert.notEqual(tests.length, 0);
      await Promise.all(
        tests.map((name) =>
          t.test(basename(name, '.test.c'), async (subtest) => {
            const binary = join(folder, basename(name, '.c'));
            await compile([join(here, 'test', name), ...objects, '-o', binary]);
            const { stdout, stderr, code } = await runTool(binary, [], { okCodes: [0, 1] });
            const cases = casesOf(stdout.toString());
            assert.equal(cases.length, Number(/^1\.\.(\d+)/.exec(stdout.toString())?.[1]), stderr);
            for (const { name: title, ok, notes } of cases) {
              await subtest.test(title, () => assert.ok(ok, `${notes}\n${stderr}`));
            }
            assert.equal(code, cases.every(({ ok }) => ok) ? 0 : 1);
          }),
        ),
      );
    });
  }
});

describe('size of init', () => {
  const isCode = (line: string): boolean => line.trim() !== '' && !/^\s*(\/\*.*|\*.*|\/\/.*)$/.test(line);

  async function linesOf(folders: readonly string[], accept: (line: string) => boolean): Promise<number> {
    const texts = await Promise.all(
      folders.map(async (folder) => {
        const names = await readdir(join(here, folder));
        return Promise.all(names.map((name) => readFile(join(here, folder, name), 'utf8')));
      }),
    );
    return texts
      .flat()
      .flatMap((text) => text.trimEnd().split('\n'))
      .filter(accept).length;
  }

  it('has at most 1,000 lines in all files of pid1', async () => {
    const lines = await linesOf(['pid1'], () => true);
    assert.ok(lines > 500 && lines <= 1000, `${lines} lines`);
  });

  it('has at most 1,000 lines of code together with the edge to the kernel', async () => {
    const lines = await linesOf(['pid1', 'kernel'], isCode);
    assert.ok(lines > 500 && lines <= 1000, `${lines} lines of code`);
  });
});
