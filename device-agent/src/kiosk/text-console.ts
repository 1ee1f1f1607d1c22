import { readdir, readFile, writeFile } from 'node:fs/promises';

/**
 * Takes the kernel's text console off the screen, or puts it back; what was on it is drawn again then. Nothing else
 * writes to the frame buffer: Linux kernel, Documentation/driver-api/console.rst.
 * @param consoles `/sys/class/vtconsole`
 * @returns whether anything has changed
 */
export async function bindTextConsole(consoles: string, wanted: boolean): Promise<boolean> {
  let changed = false;
  for (const name of await readdir(consoles).catch(() => [])) {
    const folder = `${consoles}/${name}`;
    if (!/frame buffer/.test(await readFile(`${folder}/name`, 'utf8'))) continue;
    if (((await readFile(`${folder}/bind`, 'utf8')).trim() === '1') === wanted) continue;
    await writeFile(`${folder}/bind`, wanted ? '1' : '0');
    changed = true;
  }
  return changed;
}
