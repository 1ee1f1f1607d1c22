import { NodeosError } from '@nodeos/contracts/errors.ts';
import { type Registration, registrationSchema } from '@nodeos/contracts/provisioning.ts';

const ROWS_MAX = 100_000;
const COLUMNS = ['serial', 'tags', 'approve'] as const;
const APPROVE: Readonly<Record<string, boolean>> = {
  yes: true,
  true: true,
  '1': true,
  no: false,
  false: false,
  '0': false,
  '': false,
};
const rowSchema = registrationSchema.pick({ serial: true, tags: true, approve: true });
export type RegistrationRow = Pick<Registration, 'serial' | 'tags' | 'approve'>;

/**
 * Reads comma-separated values (RFC 4180) with a heading: `serial`, and, in any order, `tags` (separated by spaces) and
 * `approve` (yes or no).
 * @throws NodeosError INPUT_INVALID that names the line
 */
export function readRegistrations(text: string): RegistrationRow[] {
  const [heading, ...lines] = parseCsv(text.replace(/^\ufeff/, ''));
  const names = (heading?.fields ?? []).map((name) => name.trim().toLowerCase());
  const unknown = names.find((name) => !COLUMNS.includes(name as (typeof COLUMNS)[number]));
  if (unknown !== undefined || !names.includes('serial') || new Set(names).size !== names.length)
    throw invalid(1, `the heading must be ${COLUMNS.join(',')}, each once, serial in any case`);
  if (lines.length > ROWS_MAX) throw invalid(ROWS_MAX + 2, `there are more than ${ROWS_MAX} rows`);
  const seen = new Map<string, number>();
  return lines.map(({ fields, line }) => {
    if (fields.length !== names.length)
      throw invalid(line, `it has ${fields.length} fields, the heading ${names.length}`);
    const value = (name: string): string => fields[names.indexOf(name)]?.trim() ?? '';
    const approve = APPROVE[value('approve').toLowerCase()];
    if (approve === undefined)
      throw invalid(line, `approve: ${JSON.stringify(value('approve'))} is neither yes nor no`);
    const row = rowSchema.safeParse({
      serial: value('serial'),
      tags: value('tags').split(/\s+/).filter(Boolean),
      approve,
    });
    if (!row.success)
      throw invalid(
        line,
        row.error.issues.map(({ path, message }) => `${path.map(String).join('.')}: ${message}`).join('; '),
      );
    const first = seen.get(row.data.serial);
    if (first !== undefined) throw invalid(line, `the serial number stands in line ${first} already`);
    seen.set(row.data.serial, line);
    return row.data;
  });
}

function invalid(line: number, what: string): NodeosError {
  return new NodeosError('INPUT_INVALID', `registrations, line ${line}: ${what}`);
}

interface CsvRow {
  readonly fields: readonly string[];
  /** The first line is 1. */
  readonly line: number;
}

function parseCsv(text: string): CsvRow[] {
  const rows: CsvRow[] = [];
  let fields: string[] = [];
  let field = '';
  let state: 'start' | 'plain' | 'quoted' | 'after' = 'start';
  let [line, first] = [1, 1];
  const endField = (): void => {
    fields.push(field);
    field = '';
    state = 'start';
  };
  const endRow = (): void => {
    endField();
    if (fields.length > 1 || fields[0] !== '') rows.push({ fields, line: first });
    fields = [];
    first = line;
  };
  for (let at = 0; at < text.length; at++) {
    const character = text[at] as string;
    if (character === '\n') line++;
    if (state === 'quoted') {
      if (character !== '"') field += character;
      else if (text[at + 1] === '"') field += text[++at];
      else state = 'after';
    } else if (character === ',') endField();
    else if (character === '\n') endRow();
    else if (character === '\r') continue;
    else if (state === 'after') throw invalid(first, 'text follows a closing quote');
    else if (character === '"' && state === 'start') state = 'quoted';
    else {
      field += character;
      state = 'plain';
    }
  }
  if (state === 'quoted') throw invalid(first, 'a quote is not closed');
  if (field !== '' || fields.length > 0) endRow();
  return rows;
}
