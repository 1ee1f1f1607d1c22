import { writeFile } from 'node:fs/promises';

/**
 * Gives pages that only hold files back and moves the others together (Linux, Documentation/admin-guide/sysctl/vm.rst).
 * Loading a kernel asks for small runs of pages and does not wait for the system to find them: just after a slot was
 * written, a machine with little memory has none.
 */
export async function makeRoom(folder = '/proc/sys/vm'): Promise<void> {
  for (const [name, value] of [
    ['drop_caches', '3'],
    ['compact_memory', '1'],
  ] as const) {
    // Best effort: without it the next attempt fails as the one before.
    await writeFile(`${folder}/${name}`, value).catch(() => {});
  }
}
