import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from '../run-tool.ts';

/** Facts that the firmware tells the system on every model (Raspberry Pi documentation, Device-tree parameters). */
export interface BootloaderFacts {
  readonly partition: number;
  readonly tryboot: boolean;
}

/**
 * The device tree as the kernel gets it: overlays applied in their order, `/chosen/bootloader` filled.
 * @throws NodeosError TOOL_MISSING, TOOL_FAILED where an overlay does not fit
 */
export async function handedOverTree(
  tree: Buffer,
  overlays: readonly Buffer[],
  facts: BootloaderFacts,
): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'nodeos-device-tree-'));
  const { signal } = new AbortController();
  try {
    const output = join(folder, 'tree.dtb');
    await writeFile(output, tree);
    const paths = overlays.map((_, index) => join(folder, `${index}.dtbo`));
    for (const [index, path] of paths.entries()) await writeFile(path, overlays[index] as Buffer);
    if (paths.length > 0) {
      const base = join(folder, 'base.dtb');
      await writeFile(base, tree);
      await runTool('fdtoverlay', ['-i', base, '-o', output, ...paths], { signal });
    }
    const node = '/chosen/bootloader';
    for (const [property, value] of [
      ['partition', facts.partition],
      ['tryboot', facts.tryboot ? 1 : 0],
    ] as const)
      await runTool('fdtput', ['-p', '-t', 'u', output, node, property, String(value)], { signal });
    return await readFile(output);
  } finally {
    await rm(folder, { recursive: true });
  }
}
