import { ATTACKS } from './all.ts';
import { attempt, renderAttacks } from './attack.ts';

const rows = [];
for (const attack of ATTACKS) {
  const row = await attempt(attack);
  if (!row.held) process.stderr.write(`${row.title}: expected ${attack.expected}, got ${row.answer}\n`);
  process.stderr.write(`${row.title}: ${row.held ? 'held' : 'NOT HELD'}\n`);
  rows.push(row);
}
process.stdout.write(`${renderAttacks(rows)}\n`);
process.exitCode = rows.every(({ held }) => held) ? 0 : 1;
