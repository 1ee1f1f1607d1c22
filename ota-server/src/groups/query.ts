import { NodeosError } from '@nodeos/contracts/errors.ts';
import { SEMVER_PATTERN } from '@nodeos/contracts/validate.ts';
import { COMPARISONS, type Comparison, readTokens, type Token } from './query-tokens.ts';

/** What a field holds decides which comparisons make sense. */
export const FIELDS = {
  id: 'text',
  name: 'text',
  serial: 'text',
  board: 'text',
  state: 'text',
  timezone: 'text',
  kernel: 'text',
  address: 'text',
  system: 'version',
  node: 'version',
  memory: 'mebibytes',
  storage: 'mebibytes',
  load: 'number',
  temperature: 'number',
} as const;
export type Field = keyof typeof FIELDS;
type FieldType = (typeof FIELDS)[Field];

const ALLOWED: Readonly<Record<FieldType, readonly Comparison[]>> = {
  text: ['=', '!=', '~'],
  version: ['=', '!=', '<', '<=', '>', '>='],
  mebibytes: ['=', '!=', '<', '<=', '>', '>='],
  number: ['=', '!=', '<', '<=', '>', '>='],
};
const MEBIBYTES = { '': 1, KiB: 1 / 1024, MiB: 1, GiB: 1024 } as const;
const NUMBER = /^-?\d+(?:\.\d+)?$/;
const DEPTH_MAX = 32;
export const QUERY_MAX_LENGTH = 1000;

/** A question about a device, as a tree. */
export type Query =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Query[] }
  | { readonly kind: 'not'; readonly part: Query }
  | { readonly kind: 'tag'; readonly tag: string }
  /** Has the app; where a comparison is given, in such a version. */
  | { readonly kind: 'app'; readonly app: string; readonly comparison: Comparison | null; readonly version: string }
  | { readonly kind: 'field'; readonly field: Field; readonly comparison: Comparison; readonly value: string }
  | { readonly kind: 'in'; readonly field: Field; readonly values: readonly string[] };

/**
 * Reads `board = raspberrypi4 and tag:kiosk and system < 2.1.0`. `and` binds more closely than `or`.
 * @throws NodeosError QUERY_INVALID that names the column, counted from 1
 */
export function parseQuery(text: string): Query {
  if (text.length > QUERY_MAX_LENGTH)
    throw queryError(QUERY_MAX_LENGTH + 1, `a query has at most ${QUERY_MAX_LENGTH} characters`);
  const tokens = readTokens(text);
  let at = 0;
  const peek = (): Token => tokens[at] as Token;
  const take = (): Token => tokens[at++] as Token;
  const isWord = (word: string): boolean => peek().kind === 'word' && peek().text.toLowerCase() === word;

  const chain = (kind: 'and' | 'or', next: (depth: number) => Query, depth: number): Query => {
    const parts = [next(depth)];
    while (isWord(kind)) {
      take();
      parts.push(next(depth));
    }
    return parts.length === 1 ? (parts[0] as Query) : { kind, parts };
  };
  const parseOr = (depth: number): Query => chain('or', parseAnd, depth);
  const parseAnd = (depth: number): Query => chain('and', parseUnary, depth);

  function parseUnary(depth: number): Query {
    if (depth > DEPTH_MAX) throw queryError(peek().column, `more than ${DEPTH_MAX} levels deep`);
    if (isWord('not')) {
      take();
      return { kind: 'not', part: parseUnary(depth + 1) };
    }
    if (peek().kind !== '(') return parseTerm();
    const open = take();
    const inner = parseOr(depth + 1);
    if (peek().kind !== ')') throw queryError(peek().column, `")" is missing for the "(" in column ${open.column}`);
    take();
    return inner;
  }

  function parseTerm(): Query {
    const token = take();
    if (token.kind !== 'word')
      throw queryError(token.column, `expected a field, tag:… or app:…, found ${nameOf(token)}`);
    const [, prefix = '', rest = ''] = /^(tag|app):(.*)$/s.exec(token.text) ?? [];
    if (prefix !== '') {
      const name = rest === '' && peek().kind === 'string' && peek().column === token.end ? take().text : rest;
      if (name === '') throw queryError(token.end, `a name must follow "${prefix}:"`);
      if (prefix === 'tag') return { kind: 'tag', tag: name };
      if (peek().kind !== 'comparison') return { kind: 'app', app: name, comparison: null, version: '' };
      const comparison = takeComparison('version');
      return { kind: 'app', app: name, comparison, version: takeValue('version') };
    }
    const field = token.text.toLowerCase();
    if (!isField(field))
      throw queryError(token.column, `there is no field "${token.text}"; there are ${Object.keys(FIELDS).join(', ')}`);
    if (isWord('in')) {
      take();
      return { kind: 'in', field, values: takeList(FIELDS[field]) };
    }
    const comparison = takeComparison(FIELDS[field]);
    return { kind: 'field', field, comparison, value: takeValue(FIELDS[field]) };
  }

  function takeComparison(type: FieldType): Comparison {
    const token = take();
    if (token.kind !== 'comparison')
      throw queryError(token.column, `expected one of ${COMPARISONS.join(' ')}, found ${nameOf(token)}`);
    const comparison = token.text as Comparison;
    if (!ALLOWED[type].includes(comparison))
      throw queryError(token.column, `"${comparison}" does not compare a ${type}; use ${ALLOWED[type].join(' ')}`);
    return comparison;
  }

  function takeList(type: FieldType): string[] {
    if (peek().kind !== '(') throw queryError(peek().column, `expected "(" after "in", found ${nameOf(peek())}`);
    const values: string[] = [];
    do {
      take();
      values.push(takeValue(type));
    } while (peek().kind === ',');
    if (peek().kind !== ')') throw queryError(peek().column, `expected "," or ")", found ${nameOf(peek())}`);
    take();
    return values;
  }

  function takeValue(type: FieldType): string {
    const token = take();
    if (token.kind !== 'word' && token.kind !== 'string')
      throw queryError(token.column, `expected a value, found ${nameOf(token)}`);
    if (type === 'version' && !SEMVER_PATTERN.test(token.text))
      throw queryError(token.column, `"${token.text}" is not a version such as 1.2.0`);
    if (type === 'mebibytes' && mebibytesOf(token.text) === null)
      throw queryError(token.column, `"${token.text}" is not a size such as 512, 512MiB or 2GiB`);
    if (type === 'number' && !NUMBER.test(token.text))
      throw queryError(token.column, `"${token.text}" is not a number such as 1.5`);
    return token.text;
  }

  const query = parseOr(0);
  if (peek().kind !== 'end') throw queryError(peek().column, `expected "and" or "or", found ${nameOf(peek())}`);
  return query;
}

/** A query as text that `parseQuery` reads back. */
export function formatQuery(query: Query): string {
  switch (query.kind) {
    case 'and':
    case 'or':
      return query.parts.map((part) => grouped(part)).join(` ${query.kind} `);
    case 'not':
      return `not ${grouped(query.part)}`;
    case 'tag':
      return `tag:${JSON.stringify(query.tag)}`;
    case 'app':
      return `app:${JSON.stringify(query.app)}${query.comparison === null ? '' : ` ${query.comparison} ${query.version}`}`;
    case 'field':
      return `${query.field} ${query.comparison} ${JSON.stringify(query.value)}`;
    case 'in':
      return `${query.field} in (${query.values.map((value) => JSON.stringify(value)).join(', ')})`;
  }
}

const grouped = (query: Query): string =>
  query.kind === 'and' || query.kind === 'or' ? `(${formatQuery(query)})` : formatQuery(query);

/** `2GiB` → 2048; null where it is no size. */
export function mebibytesOf(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(KiB|MiB|GiB|)$/.exec(text);
  return match === null ? null : Number(match[1]) * MEBIBYTES[match[2] as keyof typeof MEBIBYTES];
}

const isField = (name: string): name is Field => Object.hasOwn(FIELDS, name);

const nameOf = (token: Token): string => (token.kind === 'end' ? 'the end of the query' : `"${token.text}"`);

function queryError(column: number, problem: string): NodeosError {
  return new NodeosError('QUERY_INVALID', `query, column ${column}: ${problem}`);
}
