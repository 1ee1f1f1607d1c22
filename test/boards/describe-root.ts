import { runTool } from '@nodeos/firmware/run-tool.ts';

/** Folders of many files of one kind, which differ from one version of their package to the next. */
const FOLDED = ['/usr/share/doc', '/usr/share/zoneinfo'];

/**
 * The files and links of a squashfs as unsquashfs lists them, one a line: path, mode, and where it comes from or
 * leads to.
 * @param sources by path; `*` stands for any text
 * @throws NodeosError TOOL_FAILED where unsquashfs cannot read it
 */
export async function describeRoot(image: string, sources: ReadonlyMap<string, string>): Promise<string[]> {
  const { stdout } = await runTool('unsquashfs', ['-lln', '-d', '', image]);
  const lines = stdout.toString().split('\n');
  const found = lines.flatMap((line) => describeEntry(line, sources) ?? []);
  return [...new Set(found)].sort();
}

function describeEntry(line: string, sources: ReadonlyMap<string, string>): string | null {
  const match = /^([-lbcps])(\S{9}) (\d+\/\d+) +\d+ \S+ \S+ (\/.*)$/.exec(line);
  if (match === null) return null;
  const [, type, mode, owner, rest = ''] = match;
  const [path = '', target] = rest.split(' -> ');
  const folded = FOLDED.find((folder) => path.startsWith(`${folder}/`));
  const name = folded === undefined ? path : `${folded}/*`;
  const by = owner === '0/0' ? '' : ` of ${owner}`;
  if (type !== '-') return folded === undefined ? `${name} -> ${target}${by}` : null;
  return `${name.padEnd(66)} ${mode}${by}  ${sourceOf(path, sources)}`.trimEnd();
}

function sourceOf(path: string, sources: ReadonlyMap<string, string>): string {
  for (const [pattern, source] of sources) {
    const [before = '', after] = pattern.split('*', 2);
    if (after === undefined ? path === pattern || path.startsWith(`${pattern}/`) : path.startsWith(before))
      return source;
  }
  return 'NOT PLANNED';
}
