import assert from 'node:assert/strict';
import type { ErrorCode } from '@nodeos/contracts/errors.ts';
import type { CommandResult } from './command.ts';

/** The command ended as it must for bad input: a code, what and where, the next step, and an exit code that says so. */
export function assertRefused(result: CommandResult, code: ErrorCode, ...says: readonly RegExp[]): void {
  assert.equal(result.code, 1, `exit code ${result.code}\n${result.stdout}\n${result.stderr}`);
  assert.match(result.stderr, new RegExp(`^error ${code}: `, 'm'));
  assert.match(result.stderr, /^ {2}next: \S/m);
  for (const word of says) assert.match(result.stderr, word);
}
