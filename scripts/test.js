import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from './children.js';
import { main, NODE, ROOT, setUp } from './setup.js';

/** Unit tests stand beside the sources, whatever the folder; what needs a built image stands in test/ and comes last. */
const UNIT_FOLDERS = readdirSync(ROOT, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$|build$|test$)/.test(entry.name))
  .map(({ name }) => name);

/** `*.test.ts` for every change; `*.long.ts` for what takes hours: every board, every package, every addon. */
function testsBelow(folder, pattern = /\.test\.ts$/) {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes('node_modules') && !path.includes('dist/'))
    .sort();
}

async function step(title, args) {
  console.log(`\n== ${title}`);
  const started = Date.now();
  const { code } = await run(NODE, args, { cwd: ROOT });
  console.log(
    `== ${title}: ${code === 0 ? 'ok' : `failed with code ${code}`} (${((Date.now() - started) / 1000).toFixed(1)} s)`,
  );
  return code;
}

await main(async () => {
  const words = process.argv.slice(2);
  // `--long FOLDER` takes the long tests of a folder, or the files named after it.
  const [longFolder, ...named] = words[0] === '--long' ? words.slice(1) : [undefined, ...words];
  await setUp(['build', 'emulate', 'test', ...(longFolder ? ['boards'] : [])]);
  const chosen = longFolder && named.length === 0 ? testsBelow(longFolder, /\.long\.ts$/) : named;
  const tool = (name, ...path) => join(ROOT, 'node_modules', name, ...path);
  const checks =
    chosen.length > 0
      ? []
      : [
          await step('style (biome)', [tool('@biomejs/biome', 'bin', 'biome'), 'check', '.']),
          await step('types (tsc)', [tool('typescript', 'bin', 'tsc'), '--noEmit', '-p', 'tsconfig.json']),
          await step('types of the dashboard (tsc)', [
            tool('typescript', 'bin', 'tsc'),
            '--noEmit',
            '-p',
            'ota-server/web/tsconfig.json',
          ]),
        ];
  const files =
    chosen.length > 0 ? chosen : [...UNIT_FOLDERS.flatMap((folder) => testsBelow(folder)), ...testsBelow('test')];
  // One file at a time: the system tests measure times and share one emulated machine's worth of processor.
  console.log('\n== tests');
  const { code: tests } = await run(NODE, ['--test', '--test-concurrency=1', '--test-reporter=spec', ...files], {
    cwd: ROOT,
  });
  return checks.some((code) => code !== 0) || tests !== 0 ? 1 : 0;
});
