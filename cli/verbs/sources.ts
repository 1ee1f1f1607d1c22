import { listBoards } from '@nodeos/firmware/boards.ts';
import { boardPackages } from '@nodeos/firmware/sources/board-packages.ts';
import { type AddedPackages, updateLock } from '@nodeos/firmware/sources/update-lock.ts';
import { createBuildContext } from '../build-context.ts';
import { print, printJson, printTable } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

export const registerSources: RegisterVerb = (program, io) => {
  const sources = program
    .command('sources')
    .description('the pinned versions of everything an image is made from')
    .addHelpText('after', example('nodeos sources update'));

  sources
    .command('update')
    .description('move the lock file to the newest versions')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos sources update'))
    .action(async (options: { json?: boolean }) => {
      const { context, end } = createBuildContext(io);
      try {
        const changes = await updateLock(context, await packagesOfBoards());
        end();
        if (options.json) return printJson(io, changes);
        const rows = changes.map((change) => [change.name, change.from ?? '-', change.to]);
        printTable(io, ['SOURCE', 'FROM', 'TO'], rows, 'Everything is up to date.');
        if (rows.length > 0) print(io, 'Build and try an image before you commit the lock file.');
      } finally {
        end();
      }
    });
};

/** Packages that the boards name; the lock file may not name all of them yet. */
async function packagesOfBoards(): Promise<AddedPackages> {
  const added: Record<string, string[]> = {};
  for (const board of await listBoards())
    for (const [archive, names] of Object.entries(boardPackages(board)))
      added[archive] = [...new Set([...(added[archive] ?? []), ...names])].sort();
  return added;
}
