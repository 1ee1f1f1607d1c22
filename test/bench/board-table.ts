import type { BoardRow } from './boards.ts';

const HEADINGS = ['board', 'image', 'slot', 'kernel', 'kernel build', 'power-on to agent', 'to online', 'memory', ''];

/** The rows as a table in Markdown, as docs/boards/README.md has it. */
export function renderBoardTable(rows: readonly BoardRow[]): string {
  const lines = rows.map((row) => [
    `\`${row.board}\``,
    ...[row.imageMB, row.slotMB, row.kernelMB].map((value) => `${value.toFixed(1)} MB`),
    `${row.kernelSeconds} s`,
    ...[row.agentSeconds, row.onlineSeconds].map((value) => (value === null ? '–' : `${value.toFixed(1)} s`)),
    row.memoryMiB === null ? '–' : `${row.memoryMiB.value} MiB ${row.memoryMiB.kind === 'least' ? 'suffice' : 'used'}`,
    row.note,
  ]);
  const table = [HEADINGS, HEADINGS.map(() => '---'), ...lines];
  return table.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
