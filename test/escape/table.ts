import { getSystemErrorMap } from 'node:util';

/** What a hostile app tries, what it is called on the device (users/mallory.cjs, hostile.c), and what else is seen then. */
export interface Attack {
  readonly title: string;
  readonly name: string;
}

export const ATTACKS: readonly Attack[] = [
  { title: 'another root, and ways around it', name: 'roots' },
  { title: 'mounts', name: 'mounts' },
  { title: 'new namespaces, and those of others', name: 'namespaces' },
  { title: 'files by number instead of name', name: 'handles' },
  { title: 'other processes: their memory, files and environment', name: 'processes' },
  { title: 'signals to every process number', name: 'signals' },
  { title: '/proc', name: 'proc' },
  { title: '/sys', name: 'sys' },
  { title: 'device nodes of its own', name: 'nodes' },
  { title: 'device nodes of the machine', name: 'devices' },
  { title: 'the machine: restart, other kernel, modules, swap, clock', name: 'machine' },
  { title: 'parts of the kernel that were ways out before', name: 'kernel-parts' },
  { title: 'user and group 0, capabilities, owners of files', name: 'ids' },
  { title: 'setuid files and files with capabilities', name: 'setuid-files' },
  { title: 'sockets of other kinds, input for a terminal', name: 'sockets' },
  { title: 'ports of the system', name: 'ports' },
  { title: 'more than its share: priority, open files, out of memory', name: 'priorities' },
  { title: 'homes, system data, limits', name: 'homes' },
  { title: 'links', name: 'links' },
  { title: 'a link that changes while a path is followed', name: 'race' },
  { title: 'abstract sockets', name: 'abstract' },
];

export type Step = readonly [step: string, answer: string];

/** Nothing of these may be an answer. */
const ESCAPED = /^(done|reached|no end|led out|reach others|shows (?!its own)|has gained)/;

export function isContained(steps: readonly Step[]): boolean {
  return steps.length > 0 && steps.every(([, answer]) => !ESCAPED.test(answer));
}

/** One cell: each answer with the steps that got it. */
export function describe(steps: readonly Step[]): string {
  const byAnswer = Map.groupBy(steps, ([, answer]) => inWords(answer));
  const names = (group: readonly Step[]): string => group.map(([step]) => step).join(', ');
  return [...byAnswer].map(([answer, group]) => `${answer}: ${names(group)}`).join('; ');
}

const ERROR_TEXTS = new Map([...getSystemErrorMap().values()]);

function inWords(answer: string): string {
  const text = ERROR_TEXTS.get(answer) ?? answer;
  return text.charAt(0).toLowerCase() + text.slice(1);
}

export function markdownTable(rows: readonly (readonly [string, string])[]): string {
  return ['| attack | answer |', '|---|---|', ...rows.map(([attack, answer]) => `| ${attack} | ${answer} |`), ''].join(
    '\n',
  );
}
