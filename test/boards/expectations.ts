import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BuildPlan } from '@nodeos/firmware/plan/image-plan.ts';
import { type Built, build } from '../support/build.ts';
import { nodeos } from '../support/command.ts';
import { describeImage } from './describe-image.ts';

/** The committed description of a board's image. */
function expectationPath(board: string): string {
  return join(import.meta.dirname, 'expectations', `${board}.txt`);
}

/** Builds a board's image and describes it, each file with the source that the plan names for it. */
async function describeBoardImage(board: string, folder: string): Promise<{ text: string; built: Built }> {
  const planned = await nodeos(['build', '--board', board, '--dry-run', '--json']);
  assert.equal(planned.code, 0, planned.stderr);
  const plan = JSON.parse(planned.stdout) as BuildPlan;
  const sources = {
    files: new Map(
      plan.areas.flatMap((area) => area.files.map((file) => [`${area.name}:${file.path}`, file.source] as const)),
    ),
    root: new Map(plan.root.map((file) => [file.path, file.source] as const)),
  };
  const built = await build(['--board', board, '--out', folder]);
  return { text: await describeImage(built.files.image as string, sources), built };
}

/** Fails with the two descriptions side by side where the image is not what is expected. */
export async function assertAsExpected(board: string, folder: string): Promise<void> {
  const { text } = await describeBoardImage(board, folder);
  const path = expectationPath(board);
  const expected = await readFile(path, 'utf8').catch(() => '');
  const hint = `the image is not what ${path} says; where it should be as it is: node test/boards/expectations.ts ${board}`;
  assert.deepEqual(text.split('\n'), expected.split('\n'), hint);
}

if (import.meta.main) {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } });
  for (const board of positionals) {
    const { text } = await describeBoardImage(board, values.out ?? 'build');
    await writeFile(expectationPath(board), text);
    process.stdout.write(`${expectationPath(board)}\n`);
  }
}
