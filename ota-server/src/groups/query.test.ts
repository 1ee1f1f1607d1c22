import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isNodeosError, type NodeosError } from '@nodeos/contracts/errors.ts';
import fc from 'fast-check';
import { deviceReport } from '../testing/running-server.ts';
import { FIELDS, type Field, formatQuery, parseQuery, type Query } from './query.ts';
import { type DeviceFacts, matchesGlob, matchesQuery } from './query-match.ts';
import { COMPARISONS, type Comparison } from './query-tokens.ts';

const device = (change: Partial<DeviceFacts> = {}): DeviceFacts => ({
  id: '3f9c0a1b2c3d4e5f',
  name: 'lobby-1',
  serial: 'S-1',
  board: 'raspberrypi4',
  state: 'active',
  tags: ['kiosk', 'berlin mitte'],
  systemVersion: '2.0.9',
  report: deviceReport({
    memory: { totalKiB: 2 * 1024 * 1024, availableKiB: 1, agentRssKiB: 1 },
    metrics: {
      load: { one: 1.5, five: 1, fifteen: 0.5 },
      ...{ processors: 4, temperature: -3.5, eventLoopDelayMs: null },
    },
    apps: { hello: { version: '1.2.0', sha256: 'f'.repeat(64), state: 'running', restarts: 0, reason: null } },
  }),
  ...change,
});
const holds = (query: string, of = device()): boolean => matchesQuery(parseQuery(query), of);

test('the example of the documentation, and every kind of term', () => {
  assert.ok(holds('board = raspberrypi4 and tag:kiosk and system < 2.1.0'));
  assert.ok(!holds('board = raspberrypi4 and tag:kiosk and system < 2.1.0', device({ systemVersion: '2.1.0' })));
  assert.ok(holds('tag:"berlin mitte" and name ~ "LOBBY-*"'));
  assert.ok(holds('app:hello >= 1.2.0 and app:hello and not app:other'));
  assert.ok(holds('memory >= 2GiB and memory < 2049 and memory = 2097152KiB'));
  assert.ok(holds('board in (raspberrypi3, raspberrypi4)'));
  assert.ok(holds('address = 10.0.2.15 and address ~ 10.*'));
  assert.ok(holds('system < 2.1.0-rc.1 and system > 2.0.9-rc.2'));
  assert.ok(holds('load > 1.25 and load = 1.50 and load in (1, 1.5) and temperature < -3 and temperature >= -3.5'));
  assert.ok(!holds('load > 1.5 or temperature > 80'));
});

test('and binds more closely than or; brackets and not', () => {
  assert.ok(holds('tag:none and tag:none or tag:kiosk'));
  assert.ok(!holds('tag:none and (tag:none or tag:kiosk)'));
  assert.ok(holds('not (tag:none or tag:other) AND NOT tag:third'));
});

test('what a device has not told compares with nothing', () => {
  const silent = device({ report: null });
  for (const term of [
    'memory < 1GiB',
    'memory >= 1GiB',
    'kernel = x',
    'timezone = UTC',
    'app:hello',
    'load < 9',
    'temperature < 99',
  ])
    assert.equal(holds(term, silent), false, term);
  const metrics = { load: { one: 0, five: 0, fifteen: 0 }, processors: 1, temperature: null, eventLoopDelayMs: null };
  const cool = device({ report: deviceReport({ metrics }) });
  assert.deepEqual([holds('temperature < 99', cool), holds('load = 0', cool)], [false, true]);
  assert.ok(holds('timezone != Europe/Berlin', silent));
});

test('an error points at its column', () => {
  const cases: [string, number, RegExp][] = [
    ['', 1, /found the end/],
    ['board =', 8, /expected a value/],
    ['bord = x', 1, /no field "bord"; there are id, name/],
    ['board = x tag:y', 11, /expected "and" or "or", found "tag:y"/],
    ['board < x', 7, /"<" does not compare a text; use = != ~/],
    ['system = 2.1', 10, /"2.1" is not a version/],
    ['memory > lots', 10, /not a size/],
    ['temperature > 80C', 15, /"80C" is not a number/],
    ['load ~ 1', 6, /"~" does not compare a number; use = != </],
    ['(tag:a or tag:b', 16, /"\)" is missing for the "\(" in column 1/],
    ['tag:', 5, /a name must follow "tag:"/],
    ['board in x', 10, /expected "\("/],
    ['board in (x y)', 13, /expected "," or "\)"/],
    ['board = "x', 9, /not closed/],
    ['tag:a ; tag:b', 7, /";" has no meaning/],
    ['tag:a and', 10, /found the end/],
    ['a'.repeat(1001), 1001, /at most 1000/],
    [`${'('.repeat(40)}tag:a${')'.repeat(40)}`, 34, /levels deep/],
  ];
  for (const [text, column, problem] of cases)
    assert.throws(
      () => parseQuery(text),
      (error: NodeosError) =>
        error.code === 'QUERY_INVALID' &&
        error.message.startsWith(`query, column ${column}: `) &&
        problem.test(error.message),
      `${text}: expected column ${column}`,
    );
});

const version = fc.constantFrom('1.0.0', '1.2.0', '2.0.9', '2.1.0', '2.1.0-rc.1');
const text = fc.oneof(
  fc.constantFrom('raspberrypi4', 'S-1', 'a b', '"', '\\', 'and', '*'),
  fc.string({ maxLength: 8 }),
);
const fieldTerm = fc.constantFrom(...(Object.keys(FIELDS) as Field[])).chain((field): fc.Arbitrary<Query> => {
  const type = FIELDS[field];
  const values = {
    version,
    mebibytes: fc.constantFrom('1', '512MiB', '2GiB'),
    number: fc.constantFrom('0', '1.5', '-3.5'),
    text,
  }[type];
  const comparisons = COMPARISONS.filter((one) => (type === 'text' ? /^(=|!=|~)$/.test(one) : one !== '~'));
  return fc.oneof(
    fc.record({
      kind: fc.constant('field' as const),
      field: fc.constant(field),
      comparison: fc.constantFrom(...comparisons),
      value: values,
    }),
    fc.record({
      kind: fc.constant('in' as const),
      field: fc.constant(field),
      values: fc.array(values, { minLength: 1, maxLength: 3 }),
    }),
  );
});
const nonEmpty = text.filter((one) => one !== '');
const ordering = fc.constantFrom<Comparison>('=', '!=', '<', '<=', '>', '>=');
const term: fc.Arbitrary<Query> = fc.oneof(
  fieldTerm,
  fc.record({ kind: fc.constant('tag' as const), tag: fc.oneof(nonEmpty, fc.constant('kiosk')) }),
  fc.record({
    kind: fc.constant('app' as const),
    app: nonEmpty,
    comparison: fc.constant(null),
    version: fc.constant(''),
  }),
  fc.record({ kind: fc.constant('app' as const), app: fc.constant('hello'), comparison: ordering, version }),
);
const { query: anyQuery } = fc.letrec<{ query: Query }>((tie) => ({
  query: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    term,
    fc.record({
      kind: fc.constantFrom('and' as const, 'or' as const),
      parts: fc.array(tie('query'), { minLength: 2, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant('not' as const), part: tie('query') }),
  ),
}));
const anyDevice = fc.record({
  board: fc.constantFrom('raspberrypi4', 'x86_64-usb'),
  tags: fc.subarray(['kiosk', 'a b']),
  systemVersion: version,
  report: fc.constantFrom(null, device().report),
});

test('any query that is written out reads back as itself', () => {
  fc.assert(
    fc.property(anyQuery, (query) => {
      const written = formatQuery(query);
      fc.pre(written.length <= 1000);
      assert.equal(JSON.stringify(parseQuery(written)), JSON.stringify(query));
    }),
  );
});

test('any text is read, or refused with a column within it', () => {
  const words = fc.constantFrom(
    'tag:',
    'and',
    'or',
    'not',
    '(',
    ')',
    '=',
    '<',
    'board',
    'system',
    '1.0.0',
    '"',
    'in',
    ',',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words).map((list) => list.join(' ')),
      ),
      (input) => {
        try {
          parseQuery(input);
        } catch (error) {
          assert.ok(isNodeosError(error) && error.code === 'QUERY_INVALID', String(error));
          const column = Number(/^query, column (\d+): /.exec(error.message)?.[1]);
          assert.ok(column >= 1 && column <= input.length + 1, error.message);
        }
      },
    ),
  );
});

test('not, and, or follow de Morgan on any device', () => {
  fc.assert(
    fc.property(anyQuery, anyQuery, anyDevice, (one, other, change) => {
      const of = device(change);
      const not = (part: Query): Query => ({ kind: 'not', part });
      assert.equal(
        matchesQuery(not({ kind: 'and', parts: [one, other] }), of),
        matchesQuery({ kind: 'or', parts: [not(one), not(other)] }, of),
      );
    }),
  );
});

test('exactly one of <, =, > holds for a version', () => {
  fc.assert(
    fc.property(version, version, (has, wanted) => {
      const of = device({ systemVersion: has });
      assert.equal(['<', '=', '>'].filter((comparison) => holds(`system ${comparison} ${wanted}`, of)).length, 1);
    }),
  );
});

test('a glob is what the same expression says, and long ones take no time', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ab*]{0,8}$/), fc.stringMatching(/^[abc]{0,8}$/), (pattern, value) => {
      assert.equal(matchesGlob(pattern, value), new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(value));
    }),
  );
  assert.equal(matchesGlob(`${'*a'.repeat(400)}b`, 'a'.repeat(1000)), false);
});
