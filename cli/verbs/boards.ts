import { boardAbi } from '@nodeos/contracts/board.ts';
import { listBoards } from '@nodeos/firmware/boards.ts';
import { printJson, printTable } from '../output.ts';
import { example, type RegisterVerb } from '../verb.ts';

export const registerBoards: RegisterVerb = (program, io) => {
  program
    .command('boards')
    .description('list the boards that images can be built for')
    .option('--json', 'print JSON')
    .addHelpText('after', example('nodeos boards'))
    .action(async (options: { json?: boolean }) => {
      const boards = await listBoards();
      if (options.json) return printJson(io, boards);
      const heading = ['BOARD', 'BOOT', 'TRIAL', 'NATIVE CODE', 'WIFI', 'TITLE'];
      const rows = boards.map((board) => [
        board.name,
        [board.boot.chain, ...(board.boot.chain === 'grub' ? board.boot.targets : [])].join(' '),
        board.boot.trial,
        boardAbi(board),
        board.wifi ? 'yes' : 'no',
        board.title,
      ]);
      printTable(io, heading, rows, 'No boards are installed.');
    });
};
