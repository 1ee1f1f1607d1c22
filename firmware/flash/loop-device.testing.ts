import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { isNodeosError } from '@nodeos/contracts/errors.ts';
import { runTool } from '../run-tool.ts';

export interface LoopDevice {
  readonly path: string;
  /** Where its bytes are. */
  readonly file: string;
  readonly detach: () => Promise<void>;
}

/** A loop device over a new file. @throws NodeosError TOOL_FAILED, TOOL_MISSING */
export async function makeLoopDevice(folder: string, bytes: number): Promise<LoopDevice> {
  const file = join(folder, 'medium.img');
  const handle = await open(file, 'w');
  await handle.truncate(bytes);
  await handle.close();
  const { stdout } = await runTool('losetup', ['--find', '--show', file]);
  const path = stdout.toString().trim();
  return {
    path,
    file,
    detach: async () => {
      await runTool('losetup', ['--detach', path]);
    },
  };
}

/** One that is gone when the test ends; null, with the test skipped for a reason, where this host has none to give. */
export async function loopDevice(t: TestContext, folder: string, bytes: number): Promise<LoopDevice | null> {
  try {
    const loop = await makeLoopDevice(folder, bytes);
    t.after(loop.detach);
    return loop;
  } catch (error) {
    // In CI nothing is skipped.
    if (!isNodeosError(error) || process.env.CI !== undefined) throw error;
    t.skip(`HOST_UNSUPPORTED: no loop device can be made here: ${error.message.split('\n').at(-1)}`);
    return null;
  }
}
