import { readdir, readFile } from 'node:fs/promises';
import { type Board, boardSchema } from '@nodeos/contracts/board.ts';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { boardNameSchema, parseJson } from '@nodeos/contracts/validate.ts';
import { assetPath } from './assets.ts';

/** Names of the boards that ship with NodeOS, sorted. */
export async function boardNames(): Promise<string[]> {
  const files = await readdir(assetPath('boards'));
  return files
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/** All boards that ship with NodeOS, sorted by name. @throws NodeosError INPUT_INVALID */
export async function listBoards(): Promise<Board[]> {
  return Promise.all((await boardNames()).map(loadBoard));
}

/**
 * Loads a board by its name, or from a JSON file of the user's own (anything with a `/` or that ends in `.json`).
 * @throws NodeosError BOARD_UNKNOWN, FILE_UNREADABLE, INPUT_INVALID naming each wrong field
 */
export async function loadBoard(nameOrPath: string): Promise<Board> {
  if (nameOrPath.includes('/') || nameOrPath.endsWith('.json')) return readBoard(nameOrPath, nameOrPath);
  const names = await boardNames();
  if (!boardNameSchema.safeParse(nameOrPath).success || !names.includes(nameOrPath))
    throw new NodeosError('BOARD_UNKNOWN', `there is no board ${nameOrPath}; there are: ${names.join(', ')}`);
  const board = await readBoard(assetPath('boards', `${nameOrPath}.json`), `boards/${nameOrPath}.json`);
  if (board.name !== nameOrPath)
    throw new NodeosError('INPUT_INVALID', `boards/${nameOrPath}.json is not valid: its name is ${board.name}`);
  return board;
}

async function readBoard(path: string, what: string): Promise<Board> {
  const text = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new NodeosError('FILE_UNREADABLE', `the board file ${path} cannot be read: ${cause.code}`, { cause });
  });
  return parseJson(boardSchema, text, what);
}
