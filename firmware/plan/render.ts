import type { BuildPlan } from './image-plan.ts';
import { MIB } from './layout.ts';

/** The plan as text for a terminal; `JSON.stringify(plan)` is the form for programs. */
export function renderPlan(plan: BuildPlan): string {
  const areas = plan.areas.map((area) => [
    area.partition ? `p${area.partition.number}` : '',
    area.name,
    formatBytes(area.offset),
    formatBytes(area.bytes),
    area.partition ? `${area.partition.fileSystem} ${area.partition.label}` : 'reserved',
  ]);
  const files = plan.areas.flatMap((area) => area.files.map((file) => [area.name, file.path, file.source]));
  const options = plan.kernel.options.map((option) => [`${option.name}=${option.value}`, option.where]);
  return [
    `${plan.board}: ${plan.title}`,
    `system version ${plan.systemVersion}, disk of ${formatBytes(plan.diskBytes)}`,
    '',
    ...table([['', 'area', 'offset', 'size', 'content'], ...areas]),
    '',
    ...table([['area', 'file', 'made from'], ...files]),
    '',
    ...table([['rootfs.sqfs', 'made from'], ...plan.root.map(({ path, source }) => [path, source])]),
    '',
    `kernel: ${plan.kernel.source}, ${[...plan.kernel.fragments, ...plan.kernel.patches].join(', ')}`,
    `command line: ${plan.commandLine}`,
    `trial: ${plan.trial.kind}. ${plan.trial.reason}`,
    '',
    ...table([['option', 'asked for in'], ...options]),
    '',
  ].join('\n');
}

/** Exact: MiB or KiB where the number is whole, else bytes. */
export function formatBytes(bytes: number): string {
  if (bytes !== 0 && bytes % MIB === 0) return `${bytes / MIB} MiB`;
  if (bytes !== 0 && bytes % 1024 === 0) return `${bytes / 1024} KiB`;
  return `${bytes} B`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>(
    (all, row) => row.map((cell, column) => Math.max(all[column] ?? 0, cell.length)),
    [],
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
