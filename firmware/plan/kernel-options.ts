import { NodeosError } from '@nodeos/contracts/errors.ts';

/** One option that a fragment asks for. */
export interface KernelOption {
  /** With its prefix, e.g. `CONFIG_NET`. */
  readonly name: string;
  /** `y`, `n`, a number, or a string in its quotes, as in a `.config`. */
  readonly value: string;
  /** Fragment and line, for messages: `feature/usb.config:3`. */
  readonly where: string;
}

const ASSIGNMENT = /^(CONFIG_[A-Za-z0-9_]+)=(y|n|-?\d+|0x[0-9a-fA-F]+|"(?:[^"\\]|\\.)*")$/;
const NOT_SET = /^# (CONFIG_[A-Za-z0-9_]+) is not set$/;

/**
 * Reads the text of one fragment.
 * @throws NodeosError INPUT_INVALID with file and line for a line that is no option, and for an option asked for twice
 */
export function parseFragment(text: string, file: string): KernelOption[] {
  const options: KernelOption[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    const where = `${file}:${index + 1}`;
    const notSet = NOT_SET.exec(line);
    const assignment = ASSIGNMENT.exec(line);
    if (notSet?.[1]) options.push({ name: notSet[1], value: 'n', where });
    else if (assignment?.[1] && assignment[2]) options.push({ name: assignment[1], value: assignment[2], where });
    else if (line !== '' && !line.startsWith('#')) throw malformed(line, where);
    // A comment that looks like an option would be read as one by Kconfig, or silently not: ask for the exact form.
    else if (/^#\s*CONFIG_\w+(=|\s+is\s+not\s+set)/.test(line)) throw malformed(line, where);
  }
  return options;
}

function malformed(line: string, where: string): NodeosError {
  const module = /=m$/.test(line) ? ' (modules are not built)' : '';
  return new NodeosError('INPUT_INVALID', `${where}: not a kernel option: ${line}${module}`, {
    hint: 'Write CONFIG_NAME=y, =n, ="text" or =number, or "# CONFIG_NAME is not set".',
  });
}

/**
 * Joins the options of several fragments, sorted by name; the same wish twice is one.
 * @throws NodeosError INPUT_INVALID naming both places where two fragments disagree
 */
export function mergeOptions(fragments: readonly (readonly KernelOption[])[]): KernelOption[] {
  const merged = new Map<string, KernelOption>();
  for (const option of fragments.flat()) {
    const earlier = merged.get(option.name);
    if (earlier && earlier.value !== option.value) {
      throw new NodeosError(
        'INPUT_INVALID',
        `${option.name} is ${earlier.value} in ${earlier.where} and ${option.value} in ${option.where}`,
        { hint: 'Take one of the two lines out of kernel-configs/.' },
      );
    }
    if (!earlier) merged.set(option.name, option);
  }
  return [...merged.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Text of a `.config` with the given options. */
export function formatOptions(options: readonly KernelOption[]): string {
  return options.map(({ name, value }) => (value === 'n' ? `# ${name} is not set\n` : `${name}=${value}\n`)).join('');
}

/** Names that a Kconfig file defines, with the prefix `CONFIG_`. */
export function kconfigSymbols(text: string): string[] {
  return [...text.matchAll(/^[ \t]*(?:menu)?config[ \t]+([A-Za-z0-9_]+)[ \t]*(?:#.*)?$/gm)].map(
    (match) => `CONFIG_${match[1]}`,
  );
}

/** Values of a finished `.config`; what is not set is not in the map. */
export function parseConfig(text: string): Map<string, string> {
  return new Map(
    [...text.matchAll(/^(CONFIG_[A-Za-z0-9_]+)=(.*)$/gm)].map((match) => [match[1] ?? '', match[2] ?? '']),
  );
}

/**
 * Checks that every option exists in the kernel's Kconfig files.
 * @throws NodeosError KERNEL_OPTION_UNKNOWN naming each with its fragment and line
 */
export function assertKnown(asked: readonly KernelOption[], known: ReadonlySet<string>, kernel: string): void {
  const unknown = asked.filter((option) => !known.has(option.name));
  if (unknown.length === 0) return;
  const list = unknown.map((option) => `${option.name} (${option.where})`).join(', ');
  throw new NodeosError('KERNEL_OPTION_UNKNOWN', `${kernel} has no option ${list}`);
}

/**
 * Checks that the finished configuration is what the fragments asked for. Kconfig drops silently what lacks a dependency.
 * @throws NodeosError KERNEL_OPTION_DROPPED naming each with its fragment, line and what it became
 */
export function assertKept(asked: readonly KernelOption[], config: ReadonlyMap<string, string>): void {
  const dropped = asked.filter((option) => !sameValue(option.value, config.get(option.name) ?? 'n'));
  if (dropped.length === 0) return;
  const list = dropped.map(({ name, value, where }) => `${name}=${value} (${where}) became ${config.get(name) ?? 'n'}`);
  throw new NodeosError('KERNEL_OPTION_DROPPED', `the kernel's configuration does not keep ${list.join(', ')}`);
}

function sameValue(asked: string, actual: string): boolean {
  if (asked === actual) return true;
  // Kconfig writes hexadecimal numbers as they were given, or as their default was.
  return /^0x/i.test(asked) && asked.toLowerCase() === actual.toLowerCase();
}
