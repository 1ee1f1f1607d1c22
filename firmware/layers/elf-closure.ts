import { existsSync } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { NodeosError } from '@nodeos/contracts/errors.ts';
import { readElf } from '../bundle/elf.ts';

/**
 * Finds every library that programs need, and what those need in turn.
 * @param programs files to start from
 * @param libraries more names to start from, e.g. `libm.so.6`
 * @param folders where libraries are looked for
 * @returns name → file, sorted by name
 * @throws NodeosError SOURCE_MISMATCH naming a library that is in none of the folders, and who needs it
 */
export async function libraryClosure(
  programs: readonly string[],
  libraries: readonly string[],
  folders: readonly string[],
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const wanted: { name: string; by: string }[] = libraries.map((name) => ({ name, by: 'native addons' }));
  for (const program of programs) {
    const needed = readElf(await readFile(program))?.needed ?? [];
    wanted.push(...needed.map((name) => ({ name, by: program })));
  }
  for (let next = wanted.pop(); next; next = wanted.pop()) {
    const { name, by } = next;
    if (found.has(name)) continue;
    const folder = folders.find((each) => existsSync(join(each, name)));
    if (!folder)
      throw new NodeosError('SOURCE_MISMATCH', `${by} needs ${name}, which is in none of the unpacked packages`, {
        hint: 'Add the Debian package that holds it to firmware/plan/root-files.ts.',
      });
    const file = await realpath(join(folder, name));
    found.set(name, file);
    const needed = readElf(await readFile(file))?.needed ?? [];
    wanted.push(...needed.map((each) => ({ name: each, by: name })));
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}
