import type { Row } from './twin/walk.ts';

const HEAD = ['scenario', 'operations', 'cuts tried', 'survived'] as const;

/** Markdown, as the documents show it. */
export function renderRows(rows: readonly Omit<Row, 'faults'>[], unit: string = HEAD[1]): string {
  const total = rows.reduce((sum, row) => ({ tried: sum.tried + row.tried, survived: sum.survived + row.survived }), {
    tried: 0,
    survived: 0,
  });
  const number = (value: number) => value.toLocaleString('en-US');
  const cells = rows.map((row) => [row.scenario, number(row.operations), number(row.tried), number(row.survived)]);
  cells.push(['**all**', '', `**${number(total.tried)}**`, `**${number(total.survived)}**`]);
  const head = [HEAD[0], unit, HEAD[2], HEAD[3]];
  const line = (values: readonly string[]) => `| ${values.join(' | ')} |`;
  return [line(head), '|---|--:|--:|--:|', ...cells.map(line)].join('\n');
}
