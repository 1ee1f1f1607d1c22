import { NodeosError } from '@nodeos/contracts/errors.ts';

/** Longer ones first: `<=` is not `<` and `=`. */
export const COMPARISONS = ['!=', '<=', '>=', '=', '<', '>', '~'] as const;
export type Comparison = (typeof COMPARISONS)[number];

export interface Token {
  readonly kind: 'word' | 'string' | 'comparison' | '(' | ')' | ',' | 'end';
  /** Of a string, what stands between the quotes, escapes resolved. */
  readonly text: string;
  /** Of its first character, counted from 1. */
  readonly column: number;
  /** Of the character behind it. */
  readonly end: number;
}

const SPACE = /[ \t\r\n]+/y;
const WORD = /[A-Za-z0-9_.+:/@*-]+/y;
/** As in JSON. */
const STRING = /"(?:[^"\\]|\\.)*"/sy;

/** Takes a query apart; the last token is `end`. @throws NodeosError QUERY_INVALID that names the column */
export function readTokens(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (expression: RegExp): string | null => {
    expression.lastIndex = at;
    return expression.exec(text)?.[0] ?? null;
  };
  const push = (kind: Token['kind'], length: number, value: string): void => {
    tokens.push({ kind, text: value, column: at + 1, end: at + length + 1 });
    at += length;
  };
  while (at < text.length) {
    const space = match(SPACE);
    const word = match(WORD);
    const string = match(STRING);
    const comparison = COMPARISONS.find((one) => text.startsWith(one, at));
    const character = text[at] as string;
    if (space !== null) at += space.length;
    else if (word !== null) push('word', word.length, word);
    else if (string !== null) push('string', string.length, unquoted(string, at + 1));
    else if (comparison !== undefined) push('comparison', comparison.length, comparison);
    else if (character === '(' || character === ')' || character === ',') push(character, 1, character);
    else if (character === '"') throw invalid(at + 1, 'the quotation mark is not closed');
    else throw invalid(at + 1, `"${String.fromCodePoint(text.codePointAt(at) ?? 0)}" has no meaning here`);
  }
  push('end', 0, '');
  return tokens;
}

function unquoted(string: string, column: number): string {
  try {
    return JSON.parse(string) as string;
  } catch {
    throw invalid(column, `${string} is not a string as JSON writes it`);
  }
}

function invalid(column: number, problem: string): NodeosError {
  return new NodeosError('QUERY_INVALID', `query, column ${column}: ${problem}`);
}
